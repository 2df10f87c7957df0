#include "engine/parallel/host_step.h"

#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "tests/support/tensor_test.h"

using namespace llmrun;

TEST_CASE("a step on the host is AdamW's to the bit, over pieces of any length, in every precision and place of the parameters") {
  const int64_t shard = 2'500'001;  // more than travels at once, and not a multiple of it
  const std::vector<StepPiece> pieces{
      {{0, 3}, false}, {{3, 2'300'000}, true}, {{2'300'100, shard}, false}};  // what lies between is padding
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    CAPTURE(type);
    const at::Tensor start = at::randn({shard}), gradients = at::randn({shard});
    const auto state = [&] { return HostState{start.clone(), at::zeros({shard}), at::zeros({shard}), {}}; };
    const HostState here = state(), there = state();
    HostState stays = state();  // its parameters too
    stays.parameters = start.to(type);
    const at::Tensor wanted = start.to(type), got = wanted.clone();
    for (int64_t step = 1; step <= 2; ++step) {
      const AdamWStep how{.lr = 1e-3, .weight_decay = 0.1, .step = step, .grad_scale = 0.5};
      for (const auto& [at, decay] : pieces) {
        const auto piece = [&, at = at](const at::Tensor& tensor) { return tensor.narrow(0, at.begin, at.size()); };
        adamw(piece(here.master), piece(here.exp_avg), piece(here.exp_avg_sq), piece(gradients), decay, how, piece(wanted));
      }
      step_on_host(pieces, there, gradients, got, how);
      step_on_host(pieces, stays, gradients, {}, how);
    }
    CHECK(stays.parameters.equal(wanted));
    CHECK(stays.master.equal(here.master));
    CHECK(got.equal(wanted));
    CHECK(there.master.equal(here.master));
    CHECK(there.exp_avg.equal(here.exp_avg));
    CHECK(there.exp_avg_sq.equal(here.exp_avg_sq));
    CHECK(got.narrow(0, 2'300'000, 100).equal(start.to(type).narrow(0, 2'300'000, 100)));
  }
}
