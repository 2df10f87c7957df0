#include "engine/comm/tcp_transport.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "engine/core/silent_peer.h"

namespace llmrun {
namespace {

constexpr size_t kReadAtOnce = 1 << 20;  // of one peer, before the lock is given up and the others have their turn
constexpr auto kGoodbyeLimit = std::chrono::seconds(5);

void set_option(const Socket& socket, int level, int option, int value) { ::setsockopt(socket.get(), level, option, &value, sizeof value); }

void prepare(const Socket& socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  // A host without power or link says nothing. Its kernel is asked after 5 s of silence and then each 3 s; where bytes of ours wait for
  // its answer it is not asked, and the last option holds.
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 3);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, (TcpTransport::kSilence_s - 5) / 3);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * TcpTransport::kSilence_s);
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

TcpTransport::TcpTransport(int rank, std::vector<TcpPeer> peers)
    : rank_(rank), peers_(peers.size()), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (size_t r = 0; r < peers.size(); ++r) {
    peers_[r].name = fmt::format("world rank {} on {}", r, peers[r].host);
    if (!peers[r].socket) continue;
    prepare(peers[r].socket);
    peers_[r].socket = std::move(peers[r].socket);
  }
  thread_ = std::thread([this] { progress(); });
}

TcpTransport::~TcpTransport() {
  {
    Lock lock(mutex_);
    for (size_t r = 0; r < peers_.size() && broken_.empty(); ++r) {
      if (peers_[r].socket) write(peers_[r], static_cast<int>(r), {.kind = Kind::goodbye}, {});
    }
    changed_.wait_for(lock, kGoodbyeLimit, [&] {
      return !broken_.empty() || std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.outbox.empty(); });
    });
    stop_ = true;
    wake();
  }
  thread_.join();
}

void TcpTransport::send(int to, const Envelope& envelope, std::span<const std::byte> message) {
  Lock lock(mutex_);
  throw_if_broken();
  write(peers_[to], to, {.envelope = envelope, .bytes = message.size()}, message);
  throw_if_broken();
}

void TcpTransport::receive(int from, const Envelope& envelope, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals) {
  Lock lock(mutex_);
  throw_if_broken();
  Peer& peer = peers_[from];
  const Key key{envelope.group, envelope.tag};
  const auto waiting = peer.stored.find(key);
  if (waiting == peer.stored.end()) {
    peer.posted[key].push_back({envelope.call, into, arrivals});
    if (!peer.socket) closed(from, 0);
    throw_if_broken();
    return;
  }
  const Stored stored = std::move(waiting->second.front());
  waiting->second.pop_front();
  if (waiting->second.empty()) peer.stored.erase(waiting);
  if (stored.call != envelope.call) break_with(describe_disagreement(from, stored.call, rank_, envelope.call));
  throw_if_broken();
  std::copy(stored.bytes.begin(), stored.bytes.end(), into.begin());
  count_down(arrivals);
  run_ready(lock);
}

void TcpTransport::arrived(const std::shared_ptr<Arrivals>& arrivals) {
  Lock lock(mutex_);
  count_down(arrivals);
  run_ready(lock);
}

void TcpTransport::wait(const Arrivals& arrivals) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return arrivals.done || (!broken_.empty() && running_ == 0); });
  if (!arrivals.done) throw_if_broken();
}

void TcpTransport::abort() noexcept {
  Lock lock(mutex_);
  break_with(fmt::format("world rank {} aborted", rank_));
}

void TcpTransport::progress() {
  std::vector<pollfd> polled;
  std::vector<int> ranks;
  Lock lock(mutex_);
  while (!stop_ && broken_.empty()) {
    polled.assign(1, {wake_.get(), POLLIN, 0});
    ranks.assign(1, -1);
    for (size_t r = 0; r < peers_.size(); ++r) {
      if (!peers_[r].socket) continue;
      const short events = peers_[r].outbox.empty() ? POLLIN : POLLIN | POLLOUT;
      polled.push_back({peers_[r].socket.get(), events, 0});
      ranks.push_back(static_cast<int>(r));
    }
    lock.unlock();
    ::poll(polled.data(), polled.size(), -1);
    lock.lock();
    if (polled[0].revents) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t drained = ::read(wake_.get(), &count, sizeof count);
    }
    for (size_t i = 1; i < polled.size() && broken_.empty(); ++i) {
      if (polled[i].revents & POLLOUT) flush(peers_[ranks[i]], ranks[i]);
      if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) read(ranks[i]);
      run_ready(lock);
    }
  }
}

/// Reads into `into`; 0 when there is nothing now, or the peer is gone.
ptrdiff_t TcpTransport::read_some(Peer& peer, int from, std::byte* into, size_t bytes) {
  const ssize_t got = ::recv(peer.socket.get(), into, bytes, 0);
  if (got > 0) return got;
  if (got == 0 || !would_block(errno)) closed(from, got == 0 ? 0 : errno);
  return 0;
}

void TcpTransport::read(int from) {
  Peer& peer = peers_[from];
  size_t budget = kReadAtOnce;
  while (peer.socket && broken_.empty() && budget > 0) {
    ptrdiff_t got = 0;
    if (peer.header_read < sizeof(Header)) {
      got = read_some(peer, from, reinterpret_cast<std::byte*>(&peer.header) + peer.header_read, sizeof(Header) - peer.header_read);
      peer.header_read += got;
      if (peer.header_read == sizeof(Header)) begin_message(peer, from);
    } else {
      got = read_some(peer, from, peer.body.data() + peer.body_read, std::min(peer.body.size() - peer.body_read, budget));
      peer.body_read += got;
    }
    if (got == 0 || !broken_.empty()) return;
    budget -= std::min<size_t>(got, budget);
    if (peer.header_read == sizeof(Header) && peer.body_read == peer.body.size()) end_message(peer, from);
  }
}

/// Finds where the bytes go: to the first receive posted for them, or aside.
void TcpTransport::begin_message(Peer& peer, int from) {
  peer.body_read = 0;
  peer.arrivals = nullptr;
  peer.body = {};
  const auto posted = peer.posted.find({peer.header.envelope.group, peer.header.envelope.tag});
  if (peer.header.kind != Kind::message || posted == peer.posted.end()) {
    peer.unasked.resize(peer.header.bytes);
    peer.body = peer.unasked;
    return;
  }
  const Posted target = std::move(posted->second.front());
  posted->second.pop_front();
  if (posted->second.empty()) peer.posted.erase(posted);
  const Call& call = peer.header.envelope.call;
  if (target.call != call || target.into.size() != peer.header.bytes) {
    return break_with(describe_disagreement(from, call, rank_, target.call));
  }
  peer.body = target.into;
  peer.arrivals = target.arrivals;
}

void TcpTransport::end_message(Peer& peer, int from) {
  peer.header_read = 0;
  if (peer.header.kind == Kind::broken) return break_with({reinterpret_cast<const char*>(peer.unasked.data()), peer.unasked.size()});
  if (peer.header.kind == Kind::goodbye) {
    peer.said_goodbye = true;
    return;
  }
  if (peer.arrivals) return count_down(std::exchange(peer.arrivals, nullptr));
  // Somebody may have asked for it while it came in.
  const Key key{peer.header.envelope.group, peer.header.envelope.tag};
  const auto posted = peer.posted.find(key);
  if (posted == peer.posted.end()) {
    peer.stored[key].push_back({peer.header.envelope.call, std::move(peer.unasked)});
    peer.unasked = {};
    return;
  }
  const Posted target = std::move(posted->second.front());
  posted->second.pop_front();
  if (posted->second.empty()) peer.posted.erase(posted);
  if (target.call != peer.header.envelope.call) {
    return break_with(describe_disagreement(from, peer.header.envelope.call, rank_, target.call));
  }
  std::copy(peer.unasked.begin(), peer.unasked.end(), target.into.begin());
  count_down(target.arrivals);
}

/// Writes what the socket takes at once and keeps a copy of the rest.
void TcpTransport::write(Peer& peer, int to, const Header& header, std::span<const std::byte> message) {
  if (!peer.socket) return break_with(peer.name + " has left");
  size_t written = 0;
  if (peer.outbox.empty()) {
    iovec parts[2]{{const_cast<Header*>(&header), sizeof header}, {const_cast<std::byte*>(message.data()), message.size()}};
    msghdr both{.msg_iov = parts, .msg_iovlen = message.empty() ? size_t{1} : size_t{2}};
    const ssize_t sent = ::sendmsg(peer.socket.get(), &both, MSG_NOSIGNAL);
    if (sent < 0 && !would_block(errno)) return closed(to, errno);
    written = std::max<ssize_t>(sent, 0);
  }
  if (written == sizeof header + message.size()) return;
  std::vector<std::byte> rest;
  const auto* head = reinterpret_cast<const std::byte*>(&header);
  if (written < sizeof header) rest.assign(head + written, head + sizeof header);
  rest.insert(rest.end(), message.begin() + (written > sizeof header ? written - sizeof header : 0), message.end());
  peer.outbox.push_back(std::move(rest));
  if (peer.outbox.size() == 1) wake();
}

void TcpTransport::flush(Peer& peer, int to) {
  while (!peer.outbox.empty()) {
    const auto& first = peer.outbox.front();
    const ssize_t sent = ::send(peer.socket.get(), first.data() + peer.outbox_written, first.size() - peer.outbox_written, MSG_NOSIGNAL);
    if (sent < 0 && would_block(errno)) return;
    if (sent < 0) return closed(to, errno);
    peer.outbox_written += sent;
    if (peer.outbox_written < first.size()) continue;
    peer.outbox.pop_front();
    peer.outbox_written = 0;
  }
  changed_.notify_all();
}

/// A peer that has said goodbye may go while nobody waits for it; any other end is the end of us all.
void TcpTransport::closed(int from, int error) {
  Peer& peer = peers_[from];
  const bool silent = error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
  if (!peer.said_goodbye) return break_with(silent ? silent_peer(peer.name, kSilence_s) : peer.name + " is gone: its connection ended");
  if (!peer.posted.empty() || !peer.outbox.empty()) return break_with(peer.name + " has left");
  peer.socket = Socket();
}

void TcpTransport::count_down(const std::shared_ptr<Arrivals>& arrivals) {
  if (--arrivals->left == 0) ready_.push_back(arrivals);
}

/// Runs what calls do when their messages are in, without the lock, and marks them done.
void TcpTransport::run_ready(Lock& lock) {
  while (!ready_.empty() && broken_.empty()) {
    const auto arrivals = std::move(ready_.back());
    ready_.pop_back();
    std::string failure;
    if (arrivals->then) {
      ++running_;
      lock.unlock();
      try {
        arrivals->then();
      } catch (const std::exception& error) {
        failure = error.what();
      }
      lock.lock();
      --running_;
    }
    arrivals->done = failure.empty();
    if (!failure.empty()) break_with(failure);
    changed_.notify_all();
  }
}

void TcpTransport::break_with(const std::string& reason) {
  if (!broken_.empty()) return;
  broken_ = reason;
  ready_.clear();
  for (Peer& peer : peers_) {
    peer.posted.clear();  // nobody writes into a rank's tensors any more
    if (peer.socket) tell(peer, reason);
  }
  changed_.notify_all();
  wake();
}

/// As far as the socket takes it, unless a message to this peer is half written.
void TcpTransport::tell(Peer& peer, const std::string& reason) {
  const Header header{.kind = Kind::broken, .bytes = reason.size()};
  iovec parts[2]{{const_cast<Header*>(&header), sizeof header}, {const_cast<char*>(reason.data()), reason.size()}};
  const msghdr both{.msg_iov = parts, .msg_iovlen = 2};
  if (peer.outbox.empty()) ::sendmsg(peer.socket.get(), &both, MSG_NOSIGNAL);
  ::shutdown(peer.socket.get(), SHUT_RDWR);
}

void TcpTransport::throw_if_broken() const {
  if (!broken_.empty()) throw BrokenPort(broken_);
}

void TcpTransport::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace llmrun
