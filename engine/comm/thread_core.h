#pragma once
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/call.h"

namespace llmrun {

/// What the ranks of one group of threads share: the meetings of its collectives and the lines of its messages. Torch-free, so that
/// ThreadSanitizer sees all of it. Every function may be called by any rank's thread; they throw Error(Exit::failed) once the group
/// is broken.
///
/// A collective is a meeting: each rank leaves the addresses of its part, and the last to arrive does the work of all, so a rank that is
/// busy elsewhere holds nobody up once it has arrived, and the order of a sum never depends on who came when.
class ThreadGroup {
 public:
  struct Part {
    const std::byte* in = nullptr;
    std::byte* out = nullptr;
  };
  using Execute = std::function<void(const std::vector<Part>& parts)>;  // parts in rank order
  struct Meeting;

  ThreadGroup(int size, std::string name);

  /// Joins the group's next collective. `part` stays valid until finish() returned. `execute` runs in the last rank to arrive, and must
  /// mean the same on every rank. A call unlike that of the ranks before breaks the group, with an Error that names both.
  std::shared_ptr<Meeting> arrive(int rank, const Call& call, Part part, const Execute& execute);
  /// Waits until the work of the meeting is done, or the group is broken and nobody touches the part any more.
  void finish(int rank, Meeting& meeting);

  /// Leaves a copy in the line from -> to. Never waits.
  void send(int from, int to, std::span<const std::byte> message);
  /// Takes a place in the line from -> to; receive() waits for the message with that number.
  uint64_t expect(int from, int to);
  void receive(int from, int to, uint64_t number, std::span<std::byte> into);

  struct Seat {
    std::shared_ptr<ThreadGroup> group;
    int rank = 0;
    int size = 1;
  };
  /// Collective: the ranks of one color form a group, ordered by (key, rank).
  Seat split(int rank, int color, int key, const std::string& name);

  /// Breaks this group and every one split from it: whoever waits, or calls later, throws with this reason. The first reason stays.
  void abort(const std::string& reason);

 private:
  struct Line {
    uint64_t sent = 0;
    uint64_t expected = 0;
    std::map<uint64_t, std::vector<std::byte>> messages;
  };
  using Lock = std::unique_lock<std::mutex>;

  Line& line(int from, int to) { return lines_[static_cast<size_t>(from) * size_ + to]; }
  void run(Meeting& meeting, const Execute& execute);
  void break_with(const std::string& reason);  // under the lock
  void wake_all();
  [[noreturn]] void throw_broken(int rank, const std::string& call) const;

  const int size_;
  const std::string name_;
  mutable std::mutex mutex_;
  std::vector<std::condition_variable> wake_;              // one a rank
  std::vector<uint64_t> calls_;                            // collectives a rank has joined
  std::map<uint64_t, std::shared_ptr<Meeting>> meetings_;  // those that wait for ranks, by number
  std::vector<Line> lines_;
  std::vector<std::weak_ptr<ThreadGroup>> children_;
  std::string broken_;  // why; empty: it is not
};

}  // namespace llmrun
