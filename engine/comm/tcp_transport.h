#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/comm/message_port.h"
#include "engine/comm/socket.h"

namespace llmrun {

/// Which message: those of one (group, tag) from one rank are matched in the order sent.
struct Envelope {
  uint64_t group = 0;
  uint64_t tag = 0;
  Call call;
};

/// A connection to another rank, and the host it is on, for messages that people read.
struct TcpPeer {
  Socket socket;
  std::string host;
};

/// Messages between this process and every other rank of the world, over one connection each. A thread reads them all, straight into the
/// buffer where the receive was posted first, and writes what a send could not write at once, so that sends never wait and collectives
/// go on while the rank computes. A connection that ends without a goodbye breaks the transport: every rank of a world is connected to
/// every other, so all learn of a dead one at once; whoever breaks tells its peers why, so that they name the first cause too. A host that
/// falls silent (no power, no link) is noticed in kSilence_s.
class TcpTransport {
 public:
  static constexpr int kSilence_s = 14;

  /// peers[r] is connected to world rank r; peers[rank] is empty.
  TcpTransport(int rank, std::vector<TcpPeer> peers);
  /// Writes out what was sent, for some seconds at most, and says goodbye.
  ~TcpTransport();
  TcpTransport(const TcpTransport&) = delete;
  TcpTransport& operator=(const TcpTransport&) = delete;

  // As MessagePort's, with world ranks.
  void send(int to, const Envelope& envelope, std::span<const std::byte> message);
  void receive(int from, const Envelope& envelope, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals);
  void arrived(const std::shared_ptr<Arrivals>& arrivals);
  void wait(const Arrivals& arrivals);
  void abort() noexcept;

  int rank() const { return rank_; }

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // group, tag
  using Lock = std::unique_lock<std::mutex>;

  enum class Kind : uint64_t { message, goodbye, broken };  // broken: its bytes are the reason
  struct Header {
    Kind kind = Kind::message;
    Envelope envelope;
    uint64_t bytes = 0;
  };
  struct Posted {
    Call call;
    std::span<std::byte> into;
    std::shared_ptr<Arrivals> arrivals;
  };
  struct Stored {
    Call call;
    std::vector<std::byte> bytes;
  };
  struct Peer {
    Socket socket;
    std::string name;  // "world rank 3 on node-b"
    bool said_goodbye = false;
    // The message that is being read: its header, then its bytes, into a posted buffer or one of ours.
    Header header;
    size_t header_read = 0;
    std::span<std::byte> body;
    size_t body_read = 0;
    std::shared_ptr<Arrivals> arrivals;  // null: nobody has asked for it yet
    std::vector<std::byte> unasked;
    std::map<Key, std::deque<Posted>> posted;
    std::map<Key, std::deque<Stored>> stored;
    std::deque<std::vector<std::byte>> outbox;
    size_t outbox_written = 0;  // of its first entry
  };

  // All under the lock, but for what run_ready runs.
  void progress();
  void read(int from);
  ptrdiff_t read_some(Peer& peer, int from, std::byte* into, size_t bytes);
  void begin_message(Peer& peer, int from);
  void end_message(Peer& peer, int from);
  void write(Peer& peer, int to, const Header& header, std::span<const std::byte> message);
  void flush(Peer& peer, int to);
  void closed(int from, int error);
  void tell(Peer& peer, const std::string& reason);
  void count_down(const std::shared_ptr<Arrivals>& arrivals);
  void run_ready(Lock& lock);
  void break_with(const std::string& reason);
  void throw_if_broken() const;
  void wake();

  const int rank_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Peer> peers_;
  std::vector<std::shared_ptr<Arrivals>> ready_;  // all arrived; `then` not run yet
  int running_ = 0;                               // `then`s that run just now, without the lock
  std::string broken_;
  bool stop_ = false;
  Socket wake_;  // an eventfd
  std::thread thread_;
};

}  // namespace llmrun
