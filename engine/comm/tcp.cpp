#include "engine/comm/tcp.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "engine/comm/message_communicator.h"
#include "engine/comm/tcp_transport.h"
#include "engine/core/error.h"
#include "engine/core/tcp_limit.h"

namespace llmrun {
namespace {

constexpr double kWiringLimit_s = 60;

/// Sixteen bytes that only the ranks of this world know, as hex.
std::string new_token() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(Exit::failed, "no random bytes for a token: {}", std::strerror(errno));
  }
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

/// The first bytes on every connection.
struct Hello {
  char token[32];
  int32_t rank;
  char host[64];  // its name, cut there, the rest zero
};

/// Constant time, so that a stranger learns nothing from how long it takes.
bool is_token(const char (&given)[32], const std::string& token) {
  unsigned char difference = 0;
  for (size_t i = 0; i < sizeof given; ++i) difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i]);
  return difference == 0;
}

/// Accepts the connections of all higher ranks. Strangers are closed, and cannot hold anybody up: every connection says its hello in
/// its own time.
class Reception {
 public:
  Reception(const Socket& listener, std::string token, int rank, std::vector<TcpPeer>& peers)
      : listener_(listener), token_(std::move(token)), rank_(rank), peers_(peers), missing_(static_cast<int>(peers.size()) - 1 - rank) {}

  void wait_for_all() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(kWiringLimit_s);
    while (missing_ > 0) {
      std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}};
      for (const auto& guest : guests_) polled.push_back({guest.socket.get(), POLLIN, 0});
      ::poll(polled.data(), polled.size(), 1000);
      for (size_t i = guests_.size(); i-- > 0;) {
        if (polled[i + 1].revents) listen_to(i);
      }
      if (polled[0].revents) guests_.push_back({Socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC))});
      if (std::chrono::steady_clock::now() > deadline) {
        throw Error(Exit::failed, "rank {} waited {:g} s for {} of the ranks above it to connect", rank_, kWiringLimit_s, missing_);
      }
    }
  }

 private:
  struct Guest {
    Socket socket;
    Hello hello{};
    size_t read = 0;
  };

  void listen_to(size_t index) {
    Guest& guest = guests_[index];
    const ssize_t got =
        ::recv(guest.socket.get(), reinterpret_cast<char*>(&guest.hello) + guest.read, sizeof(Hello) - guest.read, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    guest.read += std::max<ssize_t>(got, 0);
    if (guest.read == sizeof(Hello)) seat(guest);
    if (got <= 0 || guest.read == sizeof(Hello)) guests_.erase(guests_.begin() + static_cast<ptrdiff_t>(index));
  }

  void seat(Guest& guest) {
    const int rank = guest.hello.rank;
    if (!is_token(guest.hello.token, token_) || rank <= rank_ || rank >= static_cast<int>(peers_.size()) || peers_[rank].socket) return;
    peers_[rank] = {std::move(guest.socket), {guest.hello.host, ::strnlen(guest.hello.host, sizeof guest.hello.host)}};
    --missing_;
  }

  const Socket& listener_;
  const std::string token_;
  const int rank_;
  std::vector<TcpPeer>& peers_;
  int missing_;
  std::vector<Guest> guests_;
};

/// "10.1.2.3:40123 node-b": where a rank listens, and the name of its host.
std::string address_text(const Socket& listener, const std::string& host) { return endpoint_of(listener).text() + " " + host; }

std::vector<TcpPeer> connect_all(Rendezvous& rendezvous) {
  const Identity me = rendezvous.identity();
  const Socket listener = listen_on(own_address(me.local_size == me.size));
  if (me.rank == 0) rendezvous.put("tcp/token", new_token());
  Hello hello{};
  hello.rank = me.rank;
  ::gethostname(hello.host, sizeof hello.host - 1);
  rendezvous.put(fmt::format("tcp/{}", me.rank), address_text(listener, hello.host));

  const std::string token = rendezvous.get("tcp/token", kWiringLimit_s);
  std::vector<TcpPeer> peers(me.size);
  if (token.size() != sizeof hello.token) throw Error(Exit::failed, "the rendezvous gave a token of {} letters", token.size());
  std::memcpy(hello.token, token.data(), sizeof hello.token);
  for (int r = 0; r < me.rank; ++r) {
    const std::string address = rendezvous.get(fmt::format("tcp/{}", r), kWiringLimit_s);
    const size_t blank = std::min(address.find(' '), address.size());
    peers[r] = {connect_to(parse_endpoint(address.substr(0, blank)), kWiringLimit_s), address.substr(std::min(blank + 1, address.size()))};
    if (!send_all(peers[r].socket, &hello, sizeof hello)) throw Error(Exit::failed, "rank {} at '{}' hung up", r, address);
  }
  Reception(listener, token, me.rank, peers).wait_for_all();
  return peers;
}

/// A group of world ranks on the one transport of this process: messages of different groups differ in the group's id.
class TcpPort final : public MessagePort {
 public:
  TcpPort(std::shared_ptr<TcpTransport> transport, std::vector<int> world_ranks, uint64_t id)
      : transport_(std::move(transport)), world_ranks_(std::move(world_ranks)), id_(id) {
    rank_ = static_cast<int>(std::find(world_ranks_.begin(), world_ranks_.end(), transport_->rank()) - world_ranks_.begin());
  }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(world_ranks_.size()); }
  void send(int to, uint64_t tag, const Call& call, std::span<const std::byte> message) override {
    transport_->send(world_ranks_[to], {id_, tag, call}, message);
  }
  void receive(int from, uint64_t tag, const Call& call, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals) override {
    transport_->receive(world_ranks_[from], {id_, tag, call}, into, arrivals);
  }
  void arrived(const std::shared_ptr<Arrivals>& arrivals) override { transport_->arrived(arrivals); }
  void wait(const Arrivals& arrivals) override { transport_->wait(arrivals); }
  std::unique_ptr<MessagePort> subset(const std::vector<int>& members, uint64_t id) override {
    std::vector<int> world_ranks;
    for (const int member : members) world_ranks.push_back(world_ranks_[member]);
    return std::make_unique<TcpPort>(transport_, std::move(world_ranks), child_id(id));
  }
  void abort() noexcept override { transport_->abort(); }

 private:
  /// A hash of the way from the world to the child (splitmix64's finaliser), so that no rank has to ask which ids others have given.
  uint64_t child_id(uint64_t id) const {
    uint64_t x = id_ * 0x9e3779b97f4a7c15 + id;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  std::shared_ptr<TcpTransport> transport_;
  std::vector<int> world_ranks_;  // by rank of this group
  uint64_t id_;
  int rank_ = 0;
};

}  // namespace

std::shared_ptr<Communicator> make_tcp_world(Rendezvous& rendezvous) {
  const Identity me = rendezvous.identity();
  if (me.size == 1) return make_solo("world", Purpose::control);
  if (me.size > kMostTcpRanks)
    throw Error(Exit::preflight, "communicator tcp connects every rank with every other, and is for {} ranks at most, not {}",
                kMostTcpRanks, me.size)
        .hint("--set parallel.communicator=mpi, or nccl on GPUs");
  std::vector<int> everyone(me.size);
  for (int r = 0; r < me.size; ++r) everyone[r] = r;
  auto transport = std::make_shared<TcpTransport>(me.rank, connect_all(rendezvous));
  return make_message_communicator(std::make_unique<TcpPort>(std::move(transport), std::move(everyone), /*id=*/1), "world",
                                   Purpose::control);
}

}  // namespace llmrun
