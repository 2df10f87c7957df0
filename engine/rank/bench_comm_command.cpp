#include <fmt/format.h>

#include <map>

#include "engine/core/units.h"
#include "engine/rank/bench_comm.h"
#include "engine/rank/commands.h"
#include "engine/rank/probe.h"

namespace llmrun::rank {
namespace {

struct BenchCommArguments {
  ProbeOptions probe;
  BenchCommOptions options;
  std::vector<std::string> sizes;
  bool json = false;
};

std::vector<int64_t> bytes_of(const std::vector<std::string>& sizes) {
  std::vector<int64_t> bytes;
  for (const std::string& size : sizes) {
    const auto parsed = parse_bytes(size);
    if (!parsed || *parsed < 4 || *parsed > (int64_t{1} << 40))
      throw Error(Exit::usage, "--sizes '{}' is not a number of bytes from 4 to 1TiB", size).hint("--sizes 64KiB,1MiB,16MiB");
    bytes.push_back(*parsed);
  }
  return bytes;
}

json document(const Probe& probe, const BenchCommArguments& arguments, const std::vector<CommTiming>& timings) {
  json rows = json::array();
  for (const CommTiming& timing : timings) rows.push_back(to_json(timing, probe.world.size()));
  return {{"version", 1},
          {"communicator", probe.kind},
          {"why", probe.why},
          {"ranks", probe.world.size()},
          {"device", probe.device.str()},
          {"iterations", arguments.options.iterations},
          {"timings", rows}};
}

/// The columns of nccl-tests: size, time of a call, and both bandwidths in units of 10^9 bytes.
std::string table(const Probe& probe, const std::vector<CommTiming>& timings) {
  std::string text = fmt::format("# {} ranks on {}; {}\n", probe.world.size(), probe.device.str(), probe.why);
  text += fmt::format("{:<15}{:>12} {:>12} {:>10} {:>10} {:>7}\n{:<15}{:>12} {:>12} {:>10} {:>10} {:>7}\n", "# collective", "size", "time",
                      "algbw", "busbw", "#wrong", "#", "(B)", "(us)", "(GB/s)", "(GB/s)", "");
  for (const CommTiming& timing : timings)
    text +=
        fmt::format("{:<15}{:>12} {:>12.1f} {:>10.3f} {:>10.3f} {:>7}\n", spelling(timing.collective), timing.bytes, 1e6 * timing.time_s,
                    timing.algorithm_bytes_per_s() / 1e9, timing.bus_bytes_per_s(probe.world.size()) / 1e9, timing.wrong);
  return text;
}

ProbeResult measure(const BenchCommArguments& arguments, const Probe& probe) {
  BenchCommOptions options = arguments.options;
  options.device = probe.device;
  const std::vector<CommTiming> timings = bench_comm(probe.world, options);
  const bool wrong = std::any_of(timings.begin(), timings.end(), [](const CommTiming& timing) { return timing.wrong != 0; });
  return {arguments.json ? document(probe, arguments, timings).dump() + "\n" : table(probe, timings), wrong ? Exit::failed : Exit::done};
}

}  // namespace

void add_bench_comm(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<BenchCommArguments>();
  auto* command = bench.add_subcommand("comm", "Time and check collectives between ranks that a launcher started (llmrun bench comm does)");
  add_probe_options(*command, arguments->probe);
  command->add_option("--sizes", arguments->sizes, "Bytes of the larger side; default 1KiB,64KiB,1MiB,16MiB")
      ->type_name("SIZE,...")
      ->delimiter(',');
  const std::map<std::string, Collective> collectives{
      {"all_reduce", Collective::all_reduce}, {"all_gather", Collective::all_gather}, {"reduce_scatter", Collective::reduce_scatter}};
  command->add_option("--collectives", arguments->options.collectives, "Default: all_reduce,all_gather,reduce_scatter")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->transform(CLI::CheckedTransformer(collectives));
  command->add_option("--iterations", arguments->options.iterations, "Timed calls of each size")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--warmup", arguments->options.warmup)->capture_default_str()->check(CLI::NonNegativeNumber);
  command->add_flag("--json", arguments->json, "One object on one line");
  command->callback([=, &exit_code] {
    if (!arguments->sizes.empty()) arguments->options.sizes = bytes_of(arguments->sizes);
    exit_code = run_probe(arguments->probe, [=](const Probe& probe) { return measure(*arguments, probe); });
  });
}

}  // namespace llmrun::rank
