#include "engine/comm/nccl.h"

#include "tests/support/tensor_test.h"
// torch first

#include "tests/support/memory_rendezvous.h"

using namespace llmrun;

// NCCL wants a GPU a rank, so one GPU makes a world of one: it still goes through the module, its streams and its events.
TEST_CASE("every collective of an NCCL world of one gives back what it got") {
  MemoryStore store;
  MemoryRendezvous rendezvous({.rank = 0, .size = 1}, store);
  const auto world = make_nccl_world(rendezvous);
  const auto options = at::TensorOptions().device(at::kCUDA);
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kDouble, at::kLong}) {
    const at::Tensor in = at::arange(1000, options).to(dtype), out = at::zeros({1000}, options.dtype(dtype)), sum = in.clone();
    world->all_reduce(sum).wait();
    CHECK(sum.equal(in));
    world->all_gather(out, in).wait();
    CHECK(out.equal(in));
    out.zero_();
    world->reduce_scatter(out, in).wait();
    CHECK(out.equal(in));
    out.zero_();
    world->all_to_all(out, in).wait();
    CHECK(out.equal(in));
    world->broadcast(out, 0).wait();
    CHECK(out.equal(in));
  }
  world->barrier();
}

TEST_CASE("a tensor may be let go while NCCL still works on it") {
  MemoryStore store;
  MemoryRendezvous rendezvous({.rank = 0, .size = 1}, store);
  const auto world = make_nccl_world(rendezvous);
  const at::Tensor out = at::zeros({1 << 22}, at::TensorOptions().device(at::kCUDA));
  Work work = world->all_gather(out, at::ones_like(out));
  const at::Tensor other = at::full_like(out, 7);  // would take the memory of the ones, were it free
  work.wait();
  CHECK(out.eq(1).all().item<bool>());
  CHECK(other.eq(7).all().item<bool>());
}
