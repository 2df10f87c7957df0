#include "engine/comm/thread.h"

#include <fmt/format.h>

#include <cstring>

#include "engine/comm/host_bytes.h"
#include "engine/comm/reduce.h"
#include "engine/comm/thread_core.h"

namespace llmrun {
namespace {

using Parts = std::vector<ThreadGroup::Part>;

/// Reduces `count` elements that begin `offset` bytes into every rank's input.
void reduce_parts(const Call& call, const Parts& parts, size_t offset, std::span<std::byte* const> outputs, int64_t count) {
  std::vector<const std::byte*> inputs;
  for (const auto& part : parts) inputs.push_back(part.in + offset);
  reduce_in_rank_order(call.element, call.how, inputs, outputs, count);
}

void all_reduce_parts(const Call& call, const Parts& parts) {
  std::vector<std::byte*> outputs;
  for (const auto& part : parts) outputs.push_back(part.out);
  reduce_parts(call, parts, 0, outputs, call.count);
}

void reduce_scatter_parts(const Call& call, const Parts& parts) {
  const int64_t count = call.count / static_cast<int64_t>(parts.size());
  for (size_t r = 0; r < parts.size(); ++r) {
    reduce_parts(call, parts, r * count * size_of(call.element), std::span(&parts[r].out, 1), count);
  }
}

void all_gather_parts(const Call& call, const Parts& parts) {
  const size_t bytes = call.count / parts.size();
  for (const auto& to : parts) {
    for (size_t from = 0; from < parts.size(); ++from) std::memcpy(to.out + from * bytes, parts[from].in, bytes);
  }
}

void broadcast_parts(const Call& call, const Parts& parts) {
  const std::byte* source = parts[call.root].in;
  for (const auto& to : parts) {
    if (to.out != source) std::memcpy(to.out, source, call.count);
  }
}

void all_to_all_parts(const Call& call, const Parts& parts) {
  const size_t bytes = call.count / parts.size();
  for (size_t to = 0; to < parts.size(); ++to) {
    for (size_t from = 0; from < parts.size(); ++from) std::memcpy(parts[to].out + from * bytes, parts[from].in + to * bytes, bytes);
  }
}

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(ThreadGroup::Seat seat, std::string name, Purpose purpose)
      : Communicator(seat.rank, seat.size, std::move(name), purpose), group_(std::move(seat.group)) {}

  void abort() noexcept override { group_->abort(fmt::format("rank {} aborted it", rank())); }

 private:
  using Execute = void (*)(const Call&, const Parts&);

  Work meet(const Call& call, at::Tensor out, const at::Tensor& host_out, const at::Tensor& host_in, Execute execute) {
    const auto meeting =
        group_->arrive(rank(), call, {bytes_of(host_in), mutable_bytes_of(host_out)}, [&](const Parts& parts) { execute(call, parts); });
    return Work([group = group_, rank = rank(), meeting, out, host_out, host_in]() mutable {
      group->finish(rank, *meeting);
      hand_back(out, host_out);
    });
  }

  Work do_all_reduce(at::Tensor inout, Reduce how) override {
    const at::Tensor host = on_host(inout);
    return meet({Verb::all_reduce, element_of(inout), how, -1, inout.numel()}, inout, host, host, all_reduce_parts);
  }
  Work do_all_gather(at::Tensor out, const at::Tensor& shard) override {
    const int64_t bytes = static_cast<int64_t>(out.nbytes());
    return meet({.verb = Verb::all_gather, .count = bytes}, out, on_host(out), on_host(shard), all_gather_parts);
  }
  Work do_reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) override {
    return meet({Verb::reduce_scatter, element_of(whole), how, -1, whole.numel()}, shard, on_host(shard), on_host(whole),
                reduce_scatter_parts);
  }
  Work do_broadcast(at::Tensor inout, int root) override {
    const at::Tensor host = on_host(inout);
    return meet({.verb = Verb::broadcast, .root = root, .count = static_cast<int64_t>(inout.nbytes())}, inout, host, host, broadcast_parts);
  }
  Work do_all_to_all(at::Tensor out, const at::Tensor& in) override {
    return meet({.verb = Verb::all_to_all, .count = static_cast<int64_t>(in.nbytes())}, out, on_host(out), on_host(in), all_to_all_parts);
  }
  Work do_send(const at::Tensor& tensor, int to) override {
    const at::Tensor host = on_host(tensor);
    group_->send(rank(), to, {bytes_of(host), host.nbytes()});
    return {};
  }
  Work do_receive(at::Tensor tensor, int from) override {
    const uint64_t number = group_->expect(from, rank());
    return Work([group = group_, rank = rank(), number, from, tensor]() mutable {
      const at::Tensor host = on_host(tensor);
      group->receive(from, rank, number, {mutable_bytes_of(host), host.nbytes()});
      hand_back(tensor, host);
    });
  }
  std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) override {
    return std::make_unique<ThreadCommunicator>(group_->split(rank(), members.front(), place_in(members), name), name, purpose);
  }

  std::shared_ptr<ThreadGroup> group_;
};

}  // namespace

std::vector<std::shared_ptr<Communicator>> make_thread_world(int ranks) {
  if (ranks == 1) return {make_solo("world", Purpose::control)};
  const auto group = std::make_shared<ThreadGroup>(ranks, "world");
  std::vector<std::shared_ptr<Communicator>> world;
  for (int rank = 0; rank < ranks; ++rank) {
    world.push_back(std::make_shared<ThreadCommunicator>(ThreadGroup::Seat{group, rank, ranks}, "world", Purpose::control));
  }
  return world;
}

}  // namespace llmrun
