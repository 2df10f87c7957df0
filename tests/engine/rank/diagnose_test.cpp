#include <filesystem>

#include "engine/rank/host_report.h"
#include "engine/rank/links.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

TEST_CASE("texts of any length reach every rank in rank order") {
  run_ranks(3, [](Communicator& world) {
    const std::string mine(static_cast<size_t>(world.rank()) * 100, static_cast<char>('a' + world.rank()));
    const std::vector<std::string> all = gather_texts(world, mine, at::kCPU);
    CHECK(all == std::vector<std::string>{"", std::string(100, 'b'), std::string(200, 'c')});
  });
}

TEST_CASE("clocks of ranks on one machine agree within the error that is told") {
  run_ranks(3, [](Communicator& world) {
    const std::vector<ClockOffset> offsets = clock_offsets(world, {1, 2}, at::kCPU);
    CHECK(offsets.size() == (world.rank() == 0 ? 2 : 0));
    for (const ClockOffset& offset : offsets) {
      CHECK(offset.error_s > 0);
      CHECK(std::abs(offset.offset_s) <= offset.error_s + 1e-3);
    }
  });
}

TEST_CASE("links are measured round the hosts, every pair once") {
  for (const auto& [leaders, links] : std::vector<std::pair<std::vector<int>, size_t>>{{{0}, 0}, {{0, 2}, 1}, {{0, 1, 3}, 3}}) {
    run_ranks(4, [&](Communicator& world) {
      const std::vector<double> speeds = link_speeds(world, leaders, 1 << 16, at::kCPU);
      CHECK(speeds.size() == links);
      for (const double speed : speeds) CHECK(speed > 0);
    });
  }
}

TEST_CASE("write speed leaves nothing behind, and a directory that is not there is an error in words") {
  const TemporaryDirectory directory;
  const WriteSpeed speed = write_speed(directory.path(), 3 << 20);
  CHECK(speed.error.empty());
  CHECK(speed.bytes_per_s > 0);
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK(write_speed(directory.path() / "none", 1 << 20).error == "No such file or directory");
}
