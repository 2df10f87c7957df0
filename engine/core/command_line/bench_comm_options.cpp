#include "engine/core/command_line/bench_comm_options.h"

#include "engine/core/error.h"
#include "engine/core/units.h"

namespace llmrun {

void add_bench_comm_options(CLI::App& command, BenchCommArguments& arguments) {
  command.add_option("--sizes", arguments.sizes, "Bytes of the larger side; default 1KiB,64KiB,1MiB,16MiB")
      ->type_name("SIZE,...")
      ->delimiter(',');
  command.add_option("--collectives", arguments.collectives, "Calls to time, with commas between them; default: all three")
      ->delimiter(',')
      ->check(CLI::IsMember({"all_reduce", "all_gather", "reduce_scatter"}));
  command.add_option("--iterations", arguments.iterations, "Timed calls of each size")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
}

std::vector<int64_t> sizes_of(const BenchCommArguments& arguments) {
  std::vector<int64_t> sizes;
  for (const std::string& size : arguments.sizes) {
    const auto bytes = parse_bytes(size);
    if (!bytes || *bytes < 4 || *bytes > (int64_t{1} << 40))
      throw Error(Exit::usage, "--sizes: '{}' is not a number of bytes from 4 to 1TiB", size).hint("--sizes 64KiB,1MiB,16MiB");
    sizes.push_back(*bytes);
  }
  return sizes;
}

}  // namespace llmrun
