// One rank of a launch: the test list starts several of these, under mpirun or by hand (see CMakeLists.txt and local_launch_test.cpp).
// LLMRUN_TEST_COMMUNICATOR, LLMRUN_TEST_RANKS and LLMRUN_TEST_MEETING say what to ask make_world for.
#include <ATen/ops/zeros.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "engine/comm/world.h"
#include "engine/core/error.h"
#include "tests/engine/comm/backend_cases.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

namespace {

std::string given(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw Error(Exit::failed, "{} is not set: ctest starts this binary, as one rank of several", name);
  return value;
}

World world_of_this_launch() {
  const std::string wanted = given("LLMRUN_TEST_COMMUNICATOR");
  const auto kind = wanted == "mpi" ? CommunicatorKind::mpi : wanted == "tcp" ? CommunicatorKind::tcp : CommunicatorKind::automatic;
  return make_world(kind, std::stoi(given("LLMRUN_TEST_RANKS")), given("LLMRUN_TEST_MEETING"));
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

TEST_CASE("the world of this launch passes every case") {
  const World world = world_of_this_launch();
  INFO(world.why);
  CHECK(world.kind == given("LLMRUN_TEST_EXPECT_KIND"));
  CHECK(world.why.find(given("LLMRUN_TEST_EXPECT_WHY")) != std::string::npos);
  CHECK(world.identity.rank == world.comm->rank());
  CHECK(world.identity.size == world.comm->size());
  CHECK(world.identity.local_size == world.comm->size());
  CHECK(world.identity.local_rank == world.comm->rank());
  for (const auto& each : backend_cases()) {
    CAPTURE(each.name);
    each.run(*world.comm);
  }
  world.comm->barrier();
}

TEST_CASE("a plan of another size is refused with exit code 5") {
  try {
    world_of_this_launch();
    CHECK_MESSAGE(false, "a world was made");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()).find(given("LLMRUN_TEST_EXPECT_WHY")) != std::string::npos);
  }
}

TEST_CASE("ranks that make different calls are told both before one runs, where calls are compared") {
  const World world = world_of_this_launch();
  world.comm->compare_calls(true);
  const auto group = world.comm->split(everyone(*world.comm), "axis", Purpose::data);
  at::Tensor x = at::zeros({10}), all = at::zeros({10 * world.comm->size()});
  group->all_reduce(x).wait();  // alike: it runs
  const auto said_by = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing";
  };
  const int odd = world.comm->size() - 1;
  const std::string verb = said_by([&] { group->rank() == odd ? group->all_gather(all, x).wait() : group->all_reduce(x).wait(); });
  CHECK(verb == fmt::format("group 'axis': rank {} called all_gather of {} bytes where rank 0 called all_reduce of 10 float32 (sum)", odd,
                            40 * world.comm->size()));
  const std::string size = said_by([&] { group->all_reduce(x.narrow(0, 0, group->rank() == odd ? 9 : 10)).wait(); });
  CHECK(size.find("all_reduce of 9 float32") != std::string::npos);
  CHECK(said_by([&] { group->rank() == odd ? group->barrier() : group->all_reduce(x).wait(); }).find("called barrier") !=
        std::string::npos);
  world.comm->barrier();  // nothing is broken: no call ran
}

TEST_CASE("rank 1 is killed, and the others are told which rank is gone") {
  const World world = world_of_this_launch();
  at::Tensor x = at::zeros({1000});
  std::string said = "nothing";
  try {
    world.comm->barrier();  // rank 1 may be through, and dead, before another one is
    if (world.identity.rank == 1) ::raise(SIGKILL);
    world.comm->all_reduce(x).wait();
  } catch (const Error& error) {
    said = error.what();
    CHECK(error.is_of_another_rank());
  }
  CAPTURE(said);
  CHECK(said.find("world rank 1 on " + host_name() + " is gone") != std::string::npos);
  world.comm->abort();
}
