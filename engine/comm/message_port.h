#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "engine/comm/call.h"

namespace llmrun {

/// The messages that one call still waits for. When the last is in, `then` runs, on the thread that brought it; after that the call is
/// done. Written by its port alone.
struct Arrivals {
  explicit Arrivals(int messages, std::function<void()> what_then = {}) : left(messages), then(std::move(what_then)), done(messages == 0) {}
  int left;
  std::function<void()> then;
  bool done;
};

/// A peer is gone, disagrees, or the group was aborted: nothing goes through this port any more. MessageCommunicator turns it into an
/// Error that names the group and the call.
struct BrokenPort : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Messages between the ranks of one group: all that tcp and mpi have to know, and what MessageCommunicator makes collectives of.
/// Messages of one (sender, tag) are matched in order. Every function throws BrokenPort once the port is broken.
class MessagePort {
 public:
  virtual ~MessagePort() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Never waits; `message` may change as soon as it returns.
  virtual void send(int to, uint64_t tag, const Call& call, std::span<const std::byte> message) = 0;
  /// `into` stays valid until the arrivals are done or wait() threw. One message counts as one arrival.
  virtual void receive(int from, uint64_t tag, const Call& call, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals) = 0;
  /// Something other than a message that a call waited for is there.
  virtual void arrived(const std::shared_ptr<Arrivals>& arrivals) = 0;
  virtual void wait(const Arrivals& arrivals) = 0;

  /// The ranks `members` of this group, in that order, as a group of their own. Collective over the members; `id` is equal on all of them
  /// and belongs to no other group that one of them is in.
  virtual std::unique_ptr<MessagePort> subset(const std::vector<int>& members, uint64_t id) = 0;
  /// Breaks this port and every other of the process's world. Any thread.
  virtual void abort() noexcept = 0;
};

}  // namespace llmrun
