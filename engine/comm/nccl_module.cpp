// The module llmrun_cuda: ranks with one GPU each, over NCCL. It brings LibTorch's CUDA half into the process.
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

#include <map>
#include <mutex>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"
#include "engine/comm/ring_pairs.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

/// Throws with the name of the call that did not succeed.
void must(ncclResult_t result, const char* call) {
  if (result != ncclSuccess && result != ncclInProgress) throw Error(Exit::failed, "{}: {}", call, ncclGetErrorString(result));
}

void must(cudaError_t result, const char* call) {
  if (result != cudaSuccess) throw Error(Exit::failed, "{}: {}", call, cudaGetErrorString(result));
}

ncclDataType_t nccl_type(Element element) {
  switch (element) {
    case Element::float32:
      return ncclFloat32;
    case Element::bfloat16:
      return ncclBfloat16;
    case Element::float16:
      return ncclFloat16;
    case Element::float64:
      return ncclFloat64;
    case Element::int64:
      return ncclInt64;
    case Element::uint8:
    case Element::bytes:
      break;
  }
  return ncclUint8;
}

ncclRedOp_t nccl_reduction(Reduce how) { return how == Reduce::sum ? ncclSum : ncclMax; }

/// Every NCCL communicator of this process, so that abort, from any thread, frees a host thread stuck in any of them.
class Registry {
 public:
  void add(ncclComm_t comm) {
    std::lock_guard lock(mutex_);
    comms_.push_back(comm);
  }
  void abort() noexcept {
    std::lock_guard lock(mutex_);
    aborted_ = true;
    for (const ncclComm_t comm : comms_) ncclCommAbort(comm);
    comms_.clear();
  }
  /// Destroys it, unless abort has.
  void remove(ncclComm_t comm) noexcept {
    std::lock_guard lock(mutex_);
    if (std::erase(comms_, comm)) ncclCommDestroy(comm);
  }
  bool aborted() const {
    std::lock_guard lock(mutex_);
    return aborted_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<ncclComm_t> comms_;
  bool aborted_ = false;
};

/// An event that goes with its work.
class Event {
 public:
  Event() { must(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { must(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void hold_up(cudaStream_t stream) const { must(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent"); }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A NCCL communicator and the one stream that all its calls go to, in the order made.
class Lane {
 public:
  Lane(std::shared_ptr<Registry> registry, ncclComm_t comm)
      : registry_(std::move(registry)), comm_(comm), stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true)) {
    registry_->add(comm_);
  }
  ~Lane() { registry_->remove(comm_); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  ncclComm_t comm() const { return comm_; }
  cudaStream_t stream() const { return stream_.stream(); }

  /// Runs a call after what the current stream has so far; its Work holds the tensors and makes the then current stream wait, and this one
  /// too: memory that is freed behind it is used again by work that comes after the call.
  template <typename Call>
  Work run(const char* name, std::initializer_list<at::Tensor> tensors, Call call) {
    const c10::cuda::CUDAStream origin = c10::cuda::getCurrentCUDAStream();
    const auto after = enqueue(name, call);
    return Work([this, name, after, origin, held = std::vector<at::Tensor>(tensors)] {
      throw_if_broken(name);
      after->hold_up(origin.stream());
      const c10::cuda::CUDAStream here = c10::cuda::getCurrentCUDAStream();
      if (here != origin) after->hold_up(here.stream());
    });
  }
  /// The same for a tensor that nobody waits to have back soon: the allocator learns that the lane uses it, and its memory is free when the
  /// call is over, whenever the Work is waited for.
  template <typename Call>
  Work run_and_forget(const char* name, const at::Tensor& tensor, Call call) {
    const auto after = enqueue(name, call);
    c10::cuda::CUDACachingAllocator::recordStream(tensor.storage().data_ptr(), stream_);
    return Work([this, name, after] {
      throw_if_broken(name);
      after->hold_up(c10::cuda::getCurrentCUDAStream().stream());
    });
  }

  /// What NCCL noticed since (a peer is gone), or an abort.
  void throw_if_broken(const char* name) const {
    if (registry_->aborted()) throw Error(Exit::failed, "{}: this rank aborted", name);
    ncclResult_t state = ncclSuccess;
    ncclCommGetAsyncError(comm_, &state);
    if (state != ncclSuccess && state != ncclInProgress) throw Error(Exit::failed, "{}: {}", name, ncclGetLastError(comm_));
  }

 private:
  template <typename Call>
  std::shared_ptr<Event> enqueue(const char* name, Call call) {
    throw_if_broken(name);
    Event before;
    before.record(c10::cuda::getCurrentCUDAStream().stream());
    before.hold_up(stream());
    must(call(), name);
    auto after = std::make_shared<Event>();
    after->record(stream());
    return after;
  }

  std::shared_ptr<Registry> registry_;
  ncclComm_t comm_;
  c10::cuda::CUDAStream stream_;
};

/// Collectives share one lane. A message has a lane for each ordered pair of ranks, because a send must not wait for what is queued
/// before it in the other direction: two neighbours of a pipeline send to each other first and receive then. Lanes are made by all ranks
/// together, so they exist for the pairs that need them: neighbours on the ring of a pipeline or context group.
class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<Registry> registry, ncclComm_t comm, int rank, int size, std::string name, Purpose purpose)
      : Communicator(rank, size, std::move(name), purpose), registry_(registry), lane_(registry, comm) {
    if (size > 1 && (purpose == Purpose::pipeline || purpose == Purpose::context)) make_message_lanes();
  }

  void abort() noexcept override { registry_->abort(); }

 private:
  using Pair = std::pair<int, int>;  // from, to

  /// Neighbours that share no rank get theirs by one split of the group. Each lane carries a byte at once: NCCL connects two ranks in their
  /// first message, and holds up whoever comes first until the other is there. In a step two that send to each other would wait for ever;
  /// here all go by the same order.
  void make_message_lanes() {
    for (int round = 0; round < ring_rounds(size()); ++round)
      for (const bool backwards : {false, true}) {
        const std::optional<int> pair = ring_pair(rank(), size(), round);
        const int first = pair.value_or(0), next = (first + 1) % size();
        make_message_lane(pair.value_or(NCCL_SPLIT_NOCOLOR), backwards ? Pair{next, first} : Pair{first, next});
      }
  }
  void make_message_lane(int color, Pair pair) {
    ncclComm_t comm = nullptr;
    must(ncclCommSplit(lane_.comm(), color, rank() == pair.first ? 0 : 1, &comm, nullptr), "ncclCommSplit");
    if (color == NCCL_SPLIT_NOCOLOR) return;
    messages_[pair] = std::make_unique<Lane>(registry_, comm);
    const at::Tensor byte = at::zeros({1}, at::TensorOptions().dtype(at::kByte).device(home()));
    (rank() == pair.first ? do_send(byte, pair.second) : do_receive(byte, pair.first)).wait();
  }
  Lane& message_lane(Pair pair) {
    const auto found = messages_.find(pair);
    if (found != messages_.end()) return *found->second;
    throw Error(Exit::failed, "group '{}': over nccl only neighbours of a pipeline or context group send, not rank {} to {}", name(),
                pair.first, pair.second);
  }

  Work do_all_reduce(at::Tensor inout, Reduce how) override {
    return lane_.run("ncclAllReduce", {inout}, [&] {
      return ncclAllReduce(inout.data_ptr(), inout.data_ptr(), inout.numel(), nccl_type(element_of(inout)), nccl_reduction(how),
                           lane_.comm(), lane_.stream());
    });
  }
  Work do_all_gather(at::Tensor out, const at::Tensor& shard) override {
    return lane_.run("ncclAllGather", {out, shard}, [&] {
      return ncclAllGather(shard.data_ptr(), out.data_ptr(), shard.nbytes(), ncclUint8, lane_.comm(), lane_.stream());
    });
  }
  Work do_reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) override {
    return lane_.run("ncclReduceScatter", {shard, whole}, [&] {
      return ncclReduceScatter(whole.data_ptr(), shard.data_ptr(), shard.numel(), nccl_type(element_of(whole)), nccl_reduction(how),
                               lane_.comm(), lane_.stream());
    });
  }
  Work do_broadcast(at::Tensor inout, int root) override {
    return lane_.run("ncclBroadcast", {inout}, [&] {
      return ncclBroadcast(inout.data_ptr(), inout.data_ptr(), inout.nbytes(), ncclUint8, root, lane_.comm(), lane_.stream());
    });
  }
  Work do_all_to_all(at::Tensor out, const at::Tensor& in) override {
    return lane_.run("all_to_all", {out, in}, [&] {
      const size_t bytes = in.nbytes() / size();
      must(ncclGroupStart(), "ncclGroupStart");
      for (int r = 0; r < size(); ++r) {
        must(ncclSend(static_cast<char*>(in.data_ptr()) + r * bytes, bytes, ncclUint8, r, lane_.comm(), lane_.stream()), "ncclSend");
        must(ncclRecv(static_cast<char*>(out.data_ptr()) + r * bytes, bytes, ncclUint8, r, lane_.comm(), lane_.stream()), "ncclRecv");
      }
      return ncclGroupEnd();
    });
  }
  Work do_send(const at::Tensor& tensor, int to) override {
    Lane& lane = message_lane({rank(), to});
    return lane.run_and_forget("ncclSend", tensor, [&] {
      return ncclSend(tensor.data_ptr(), tensor.nbytes(), ncclUint8, /*peer=*/1, lane.comm(), lane.stream());
    });
  }
  Work do_receive(at::Tensor tensor, int from) override {
    Lane& lane = message_lane({from, rank()});
    return lane.run("ncclRecv", {tensor},
                    [&] { return ncclRecv(tensor.data_ptr(), tensor.nbytes(), ncclUint8, /*peer=*/0, lane.comm(), lane.stream()); });
  }
  /// Unlike the others it holds up the host: that is what a barrier is for.
  at::Device home() const override { return at::kCUDA; }
  void do_barrier() override {
    at::Tensor token = at::zeros({1}, at::TensorOptions().dtype(at::kByte).device(at::kCUDA));
    do_all_reduce(token, Reduce::max).wait();
    must(cudaStreamSynchronize(lane_.stream()), "barrier");
    lane_.throw_if_broken("barrier");
  }
  std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) override {
    const bool alone = members.size() == 1;
    const int color = alone ? NCCL_SPLIT_NOCOLOR : members.front(), place = place_in(members);
    ncclComm_t comm = nullptr;
    must(ncclCommSplit(lane_.comm(), color, place, &comm, nullptr), "ncclCommSplit");
    if (alone) return make_solo(std::move(name), purpose);
    return std::make_unique<NcclCommunicator>(registry_, comm, place, static_cast<int>(members.size()), std::move(name), purpose);
  }

  std::shared_ptr<Registry> registry_;
  Lane lane_;
  std::map<Pair, std::unique_ptr<Lane>> messages_;
};

/// NCCL refuses two ranks on one GPU, in words that name neither.
void expect_own_gpu(const Identity& identity) {
  const int gpus = c10::cuda::device_count();
  if (gpus <= 1 || identity.local_rank < gpus) return;  // a launcher that binds shows each rank its own GPU only
  throw Error(Exit::preflight, "rank {} is the {}th of its node, which has {} GPUs", identity.rank, identity.local_rank + 1, gpus)
      .hint("one rank a GPU: --set job.ranks_per_node={}", gpus);
}

/// The id travels as hex: a rendezvous carries text.
std::string hex_of(const ncclUniqueId& id) {
  std::string text;
  for (const char byte : id.internal) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

ncclUniqueId id_of(const std::string& text) {
  ncclUniqueId id;
  if (text.size() != 2 * sizeof id.internal) throw Error(Exit::failed, "the rendezvous gave a NCCL id of {} letters", text.size());
  for (size_t i = 0; i < sizeof id.internal; ++i) id.internal[i] = static_cast<char>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return id;
}

}  // namespace
}  // namespace llmrun

extern "C" void llmrun_gpu_name(int gpu, std::string* name) {
  cudaDeviceProp properties;
  llmrun::must(cudaGetDeviceProperties(&properties, gpu), "cudaGetDeviceProperties");
  *name = properties.name;
}

/// The caller owns it. Collective over the ranks of the rendezvous, of which there are two or more.
extern "C" llmrun::Communicator* llmrun_make_nccl_world(llmrun::Rendezvous* rendezvous) {
  using namespace llmrun;
  const Identity me = rendezvous->identity();
  expect_own_gpu(me);
  if (me.rank == 0) {
    ncclUniqueId id;
    must(ncclGetUniqueId(&id), "ncclGetUniqueId");
    rendezvous->put("nccl/id", hex_of(id));
  }
  const ncclUniqueId id = id_of(rendezvous->get("nccl/id"));
  ncclComm_t comm = nullptr;
  must(ncclCommInitRank(&comm, me.size, id, me.rank), "ncclCommInitRank");
  return new NcclCommunicator(std::make_shared<Registry>(), comm, me.rank, me.size, "world", Purpose::control);
}
