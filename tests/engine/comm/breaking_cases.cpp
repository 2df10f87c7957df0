#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include "engine/core/error.h"
#include "tests/engine/comm/backend_cases.h"
#include "tests/support/tensor_test.h"

namespace llmrun {
namespace {

template <typename Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void abort_frees_ranks_that_wait_in_a_collective(Communicator& world) {
  const auto group = world.split(everyone(world), "axis", Purpose::data);
  const int last = world.size() - 1;
  at::Tensor x = at::ones({10}, at::kFloat);
  if (world.rank() == last) {
    for (int r = 0; r < last; ++r) group->receive(x, r).wait();  // they are through with the split
    return world.abort();
  }
  group->send(x, last).wait();
  const std::string said = message_of([&] { group->all_reduce(x).wait(); });
  CAPTURE(said);
  CHECK(mentions(said, "'axis'"));
  CHECK(mentions(said, "all_reduce"));
  CHECK(mentions(said, "rank " + std::to_string(last)));
}

void abort_frees_ranks_that_wait_for_a_message(Communicator& world) {
  if (world.rank() == 0) return world.abort();
  at::Tensor x = at::ones({10}, at::kFloat);
  const std::string said = message_of([&] { world.receive(x, 0).wait(); });
  CAPTURE(said);
  CHECK(mentions(said, "receive"));
  CHECK_THROWS_AS(world.all_reduce(x).wait(), Error);
}

void ranks_that_disagree_about_the_call_are_told_both(Communicator& world) {
  at::Tensor x = at::ones({10}, at::kFloat);
  at::Tensor all = at::empty({10 * world.size()}, at::kFloat);
  const std::string said = message_of([&] {
    if (world.rank() == 0) {
      world.all_gather(all, x).wait();
    } else {
      world.all_reduce(x).wait();
    }
  });
  CAPTURE(said);
  CHECK(mentions(said, "called all_gather"));
  CHECK(mentions(said, "called all_reduce"));
}

void ranks_that_disagree_about_the_size_are_told_both(Communicator& world) {
  at::Tensor x = at::ones({world.rank() == 1 ? 11 : 10}, at::kFloat);
  const std::string said = message_of([&] { world.all_reduce(x).wait(); });
  CAPTURE(said);
  CHECK(mentions(said, "called all_reduce of 11 float32"));
  CHECK(mentions(said, "called all_reduce of 10 float32"));
}

void a_message_of_another_size_is_an_error(Communicator& world) {
  if (world.rank() == 0) world.send(at::ones({4}, at::kFloat), 1).wait();
  if (world.rank() != 1) return;
  at::Tensor x = at::ones({5}, at::kFloat);
  const std::string said = message_of([&] { world.receive(x, 0).wait(); });
  CAPTURE(said);
  CHECK(mentions(said, "16 bytes"));
  CHECK(mentions(said, "20"));
}

void an_exception_past_a_call_under_way_does_not_hang(Communicator& world) {
  at::Tensor x = at::ones({4}, at::kFloat);
  if (world.rank() == 0) {
    try {
      Work pending = world.receive(x, 1);
      throw std::runtime_error("something else went wrong");
    } catch (const std::runtime_error&) {
    }
  }
  CHECK_THROWS_AS(world.all_reduce(x).wait(), Error);
}

void ranks_that_wait_in_different_groups_say_in_which(Communicator& world) {
  world.compare_calls(true, std::chrono::milliseconds(300));
  const auto one = world.split(everyone(world), "one", Purpose::tensor), other = world.split(everyone(world), "other", Purpose::data);
  at::Tensor x = at::ones({4}, at::kFloat);
  const bool odd = world.rank() == 0;
  const std::string said = message_of([&] { odd ? one->all_reduce(x).wait() : other->barrier(); });
  CAPTURE(said);
  // Whoever is overdue first says so; the others may hear of its abort before their own patience ends.
  CHECK((mentions(said, odd ? "waits in all_reduce of 4 float32 (sum)" : "waits in barrier") || mentions(said, "abort") ||
         mentions(said, "gone")));
  CHECK(mentions(said, odd ? "'one'" : "'other'"));
}

}  // namespace

const std::vector<BackendCase>& breaking_cases() {
  static const std::vector<BackendCase> cases{
      {"abort frees ranks that wait in a collective", abort_frees_ranks_that_wait_in_a_collective},
      {"abort frees ranks that wait for a message", abort_frees_ranks_that_wait_for_a_message},
      {"ranks that disagree about the call are told both", ranks_that_disagree_about_the_call_are_told_both},
      {"ranks that disagree about the size are told both", ranks_that_disagree_about_the_size_are_told_both},
      {"a message of another size is an error", a_message_of_another_size_is_an_error},
      {"ranks that wait in different groups say in which", ranks_that_wait_in_different_groups_say_in_which},
      {"an exception past a call under way does not hang", an_exception_past_a_call_under_way_does_not_hang},
  };
  return cases;
}

}  // namespace llmrun
