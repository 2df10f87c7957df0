#include "engine/comm/counting.h"

namespace llmrun {
namespace {

class CountingCommunicator final : public Communicator {
 public:
  CountingCommunicator(int rank, int size, std::string name, Purpose purpose) : Communicator(rank, size, std::move(name), purpose) {}
  void abort() noexcept override {}

 private:
  Work do_all_reduce(at::Tensor, Reduce) override { return {}; }
  Work do_all_gather(at::Tensor, const at::Tensor&) override { return {}; }
  Work do_reduce_scatter(at::Tensor, const at::Tensor&, Reduce) override { return {}; }
  Work do_broadcast(at::Tensor, int) override { return {}; }
  Work do_all_to_all(at::Tensor, const at::Tensor&) override { return {}; }
  Work do_send(const at::Tensor&, int) override { return {}; }
  Work do_receive(at::Tensor, int) override { return {}; }
  void do_barrier() override {}
  std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) override {
    return std::make_unique<CountingCommunicator>(place_in(members), static_cast<int>(members.size()), std::move(name), purpose);
  }
};

}  // namespace

std::shared_ptr<Communicator> make_counting_world(int rank, int ranks) {
  auto world = std::make_shared<CountingCommunicator>(rank, ranks, "world", Purpose::control);
  world->count_into(std::make_shared<Traffic>());
  return world;
}

}  // namespace llmrun
