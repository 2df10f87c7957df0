#include "engine/comm/message_communicator.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/comm/host_bytes.h"
#include "engine/comm/message_collectives.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr uint64_t kMessageTag = 1;          // sends and receives; those between two ranks are matched in order
constexpr uint64_t kFirstCollectiveTag = 2;  // each collective takes two

/// Collectives of one rank, in the order called, name their messages alike on every rank: no two calls share a tag.
class MessageCommunicator final : public Communicator {
 public:
  MessageCommunicator(std::unique_ptr<MessagePort> port, std::string name, Purpose purpose)
      : Communicator(port->rank(), port->size(), std::move(name), purpose), port_(std::move(port)) {}

  void abort() noexcept override { port_->abort(); }

 private:
  /// Runs something that may find the port broken, and says in which call. What broke it is another rank's end, or told by all alike.
  template <typename Describe, typename Function>
  auto named(Describe describe_call, Function function) const {
    try {
      return function();
    } catch (const BrokenPort& broken) {
      throw Error(Exit::failed, "group '{}', rank {}, {}: {}", name(), rank(), describe_call(), broken.what()).of_another_rank();
    }
  }
  template <typename Function>
  auto named(const Call& call, Function function) const {
    return named([&] { return describe(call); }, function);
  }

  std::shared_ptr<Arrivals> start(const Call& call, Collective collective, const std::byte* in, std::byte* out) {
    return named(call, [&] { return collective(*port_, kFirstCollectiveTag + 2 * calls_++, call, in, out); });
  }
  void finish(const Call& call, const Arrivals& arrivals) const {
    named(call, [&] { port_->wait(arrivals); });
  }

  Work collective(const Call& call, Collective collective, at::Tensor out, const at::Tensor& host_out, const at::Tensor& host_in) {
    const auto arrivals = start(call, collective, bytes_of(host_in), mutable_bytes_of(host_out));
    return Work([this, call, arrivals, out, host_out, host_in]() mutable {
      finish(call, *arrivals);
      hand_back(out, host_out);
    });
  }

  Work do_all_reduce(at::Tensor inout, Reduce how) override {
    const at::Tensor host = on_host(inout);
    return collective({Verb::all_reduce, element_of(inout), how, -1, inout.numel()}, all_reduce_by_messages, inout, host, host);
  }
  Work do_all_gather(at::Tensor out, const at::Tensor& shard) override {
    return collective({.verb = Verb::all_gather, .count = static_cast<int64_t>(out.nbytes())}, all_gather_by_messages, out, on_host(out),
                      on_host(shard));
  }
  Work do_reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) override {
    return collective({Verb::reduce_scatter, element_of(whole), how, -1, whole.numel()}, reduce_scatter_by_messages, shard, on_host(shard),
                      on_host(whole));
  }
  Work do_broadcast(at::Tensor inout, int root) override {
    const at::Tensor host = on_host(inout);
    return collective({.verb = Verb::broadcast, .root = root, .count = static_cast<int64_t>(inout.nbytes())}, broadcast_by_messages, inout,
                      host, host);
  }
  Work do_all_to_all(at::Tensor out, const at::Tensor& in) override {
    return collective({.verb = Verb::all_to_all, .count = static_cast<int64_t>(in.nbytes())}, all_to_all_by_messages, out, on_host(out),
                      on_host(in));
  }
  void do_barrier() override {
    const Call call{.verb = Verb::barrier};
    finish(call, *start(call, barrier_by_messages, nullptr, nullptr));
  }

  Work do_send(const at::Tensor& tensor, int to) override {
    const at::Tensor host = on_host(tensor);
    const Call call{.verb = Verb::message, .count = static_cast<int64_t>(host.nbytes())};
    named([&] { return fmt::format("send of {} bytes to rank {}", call.count, to); },
          [&] { port_->send(to, kMessageTag, call, {bytes_of(host), host.nbytes()}); });
    return {};
  }
  Work do_receive(at::Tensor tensor, int from) override {
    const at::Tensor host = on_host(tensor);
    const Call call{.verb = Verb::message, .count = static_cast<int64_t>(host.nbytes())};
    const auto arrivals = std::make_shared<Arrivals>(1);
    const auto describe_call = [bytes = call.count, from] { return fmt::format("receive of {} bytes from rank {}", bytes, from); };
    named(describe_call, [&] { port_->receive(from, kMessageTag, call, {mutable_bytes_of(host), host.nbytes()}, arrivals); });
    return Work([this, describe_call, arrivals, tensor, host]() mutable {
      named(describe_call, [&] { port_->wait(*arrivals); });
      hand_back(tensor, host);
    });
  }

  std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) override {
    const uint64_t id = next_group_id();
    if (members.size() == 1) return make_solo(std::move(name), purpose);
    auto port = named(Call{.verb = Verb::split}, [&] { return port_->subset(members, id); });
    return std::make_unique<MessageCommunicator>(std::move(port), std::move(name), purpose);
  }

  /// Equal on all ranks of the parent, and other for every split of it: groups of one split share no rank, so they may share an id.
  uint64_t next_group_id() { return ++splits_; }

  std::unique_ptr<MessagePort> port_;
  uint64_t calls_ = 0;
  uint64_t splits_ = 0;
};

}  // namespace

std::unique_ptr<Communicator> make_message_communicator(std::unique_ptr<MessagePort> port, std::string name, Purpose purpose) {
  return std::make_unique<MessageCommunicator>(std::move(port), std::move(name), purpose);
}

}  // namespace llmrun
