#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/comm/call.h"
#include "engine/core/traffic.h"

namespace llmrun {

/// A call under way. `wait` returns when its tensors may be used again (on a GPU: orders the current stream after it and does not block
/// the host). Movable, waits in its destructor unless it is done, so that no buffer is freed under a call. Where an exception unwinds past
/// a call under way, the others may never make theirs: its group is aborted first, so that the rank cannot hang in a destructor.
/// Must not outlive its communicator. Empty: already done.
class Work {
 public:
  Work() = default;
  explicit Work(std::function<void()> finish, std::function<void()> abandon = nullptr)
      : finish_(std::move(finish)), abandon_(std::move(abandon)) {}
  Work(Work&& other) noexcept : finish_(std::exchange(other.finish_, nullptr)), abandon_(std::exchange(other.abandon_, nullptr)) {}
  Work& operator=(Work&& other);
  ~Work();
  void wait();

 private:
  std::function<void()> finish_;
  std::function<void()> abandon_;
};

/// A group of ranks that talk to each other: the world, or one axis of the Mesh. Every rank of the group makes the same calls in the
/// same order. Tensors are contiguous; those of a call stay alive until its Work is done (the backend holds a reference). Results are
/// bit-equal on every rank of the group, and the same from run to run with the same ranks. No globals: several groups, and with
/// ThreadCommunicator several ranks, live in one process. One thread a rank calls it; only `abort` may come from any thread.
///
/// The public calls check, count and then hand on to the backend's do_ functions (one file a backend). A broken peer throws
/// Error(Exit::failed) that names the group, the call and, where known, the rank that is gone.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  Purpose purpose() const { return purpose_; }

  Work all_reduce(at::Tensor inout, Reduce how = Reduce::sum);
  /// out: the shards in rank order, flat; out.numel() == shard.numel() * size().
  Work all_gather(at::Tensor out, const at::Tensor& shard);
  /// shard: this rank's part of the sum over ranks of `whole`; whole.numel() == shard.numel() * size().
  Work reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how = Reduce::sum);
  Work broadcast(at::Tensor inout, int root);
  /// Part i of `in` goes to rank i; part i of `out` came from rank i. Equal parts.
  Work all_to_all(at::Tensor out, const at::Tensor& in);
  /// Never waits for the receiver. Messages between two ranks arrive in the order sent.
  Work send(const at::Tensor& tensor, int to);
  Work receive(at::Tensor tensor, int from);
  void barrier();

  /// Cuts this group into smaller ones. `members` are the ranks of this rank's new group, in their new order: every rank works them out
  /// alike, so that none has to ask the others, and each is in one group. Collective over this group; a group of one costs nothing. `name`
  /// says what the group is in errors and logs.
  std::unique_ptr<Communicator> split(const std::vector<int>& members, std::string name, Purpose purpose);

  /// Debug mode, inherited by split: before a collective runs, all ranks of the group tell each other what they call, and where two
  /// disagree all of them throw with both calls. It costs a small all-gather a collective, which is not counted, and waits for it. thread
  /// and tcp see a disagreement by themselves; mpi and nccl would hang. Where others of the group are not there after `patience` (they wait
  /// in another group's call, or make none), this rank throws with its own call, and aborts. Every rank of the group switches alike.
  /// Messages are not compared.
  void compare_calls(bool on, std::chrono::milliseconds patience = std::chrono::minutes(5)) {
    compares_calls_ = on;
    patience_ = patience;
  }

  /// Frees a rank that is stuck in a call of this group or of one split from it: the call throws. The group is dead afterwards.
  virtual void abort() noexcept = 0;

  /// Where calls are counted; inherited by split. May be null.
  void count_into(std::shared_ptr<Traffic> traffic) { traffic_ = std::move(traffic); }
  const std::shared_ptr<Traffic>& traffic() const { return traffic_; }

 protected:
  Communicator(int rank, int size, std::string name, Purpose purpose)
      : rank_(rank), size_(size), name_(std::move(name)), purpose_(purpose) {}
  /// This rank's place among the members of a group to come.
  int place_in(const std::vector<int>& members) const {
    return static_cast<int>(std::find(members.begin(), members.end(), rank_) - members.begin());
  }

 private:
  virtual Work do_all_reduce(at::Tensor inout, Reduce how) = 0;
  virtual Work do_all_gather(at::Tensor out, const at::Tensor& shard) = 0;
  virtual Work do_reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) = 0;
  virtual Work do_broadcast(at::Tensor inout, int root) = 0;
  virtual Work do_all_to_all(at::Tensor out, const at::Tensor& in) = 0;
  virtual Work do_send(const at::Tensor& tensor, int to) = 0;
  virtual Work do_receive(at::Tensor tensor, int from) = 0;
  virtual std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) = 0;
  /// Where tensors lie that this backend moves.
  virtual at::Device home() const { return at::kCPU; }
  virtual void do_barrier();  // an all_reduce of one byte, unless the backend knows better

  void compare(const Call& call);
  at::Tensor gather_numbers(const at::Tensor& mine, const Call& call);
  template <typename Start>
  Work counted(Verb verb, int64_t bytes, Start start);
  template <typename Start>
  Work timed(Verb verb, int64_t bytes, Start start);
  void check(const char* call, std::initializer_list<const at::Tensor*> tensors) const;
  void check_parts(const char* call, const at::Tensor& whole, const at::Tensor& part) const;
  void check_peer(const char* call, int peer) const;

  int rank_;
  int size_;
  std::string name_;
  Purpose purpose_;
  std::shared_ptr<Traffic> traffic_;
  bool compares_calls_ = false;
  std::chrono::milliseconds patience_{};  // of a comparison
};

/// A group of one rank, whose calls are copies at most and which opens nothing. What split gives for a group of one, on every backend.
std::unique_ptr<Communicator> make_solo(std::string name, Purpose purpose);

/// The element type that a reduction of this tensor works in. Throws where it cannot be reduced (int32, bool...).
Element element_of(const at::Tensor& tensor);

}  // namespace llmrun
