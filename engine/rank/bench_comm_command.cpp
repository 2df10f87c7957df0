#include <fmt/format.h>

#include "engine/core/command_line/bench_comm_options.h"
#include "engine/rank/bench_comm.h"
#include "engine/rank/commands.h"
#include "engine/rank/probe.h"

namespace llmrun::rank {
namespace {

/// What the command takes here, where a launcher has told it of the ranks.
struct Arguments {
  ProbeOptions probe;
  BenchCommArguments work;
  int warmup = 2;
  bool json = false;
};

Collective collective_of(const std::string& name) {
  for (const Collective collective : {Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter})
    if (spelling(collective) == name) return collective;
  throw Error(Exit::usage, "--collectives: '{}' is none", name);
}

BenchCommOptions options_of(const Arguments& arguments, at::Device device) {
  BenchCommOptions options{.collectives = {},
                           .sizes = sizes_of(arguments.work),
                           .warmup = arguments.warmup,
                           .iterations = arguments.work.iterations,
                           .device = device};
  for (const std::string& name : arguments.work.collectives) options.collectives.push_back(collective_of(name));
  return options;
}

json document(const Probe& probe, const Arguments& arguments, const std::vector<CommTiming>& timings) {
  json rows = json::array();
  for (const CommTiming& timing : timings) rows.push_back(to_json(timing, probe.world.size()));
  return {{"version", 1},
          {"communicator", probe.kind},
          {"why", probe.why},
          {"ranks", probe.world.size()},
          {"device", probe.device.str()},
          {"iterations", arguments.work.iterations},
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

ProbeResult measure(const Arguments& arguments, const Probe& probe) {
  const std::vector<CommTiming> timings = bench_comm(probe.world, options_of(arguments, probe.device));
  const bool wrong = std::any_of(timings.begin(), timings.end(), [](const CommTiming& timing) { return timing.wrong != 0; });
  return {arguments.json ? document(probe, arguments, timings).dump() + "\n" : table(probe, timings), wrong ? Exit::failed : Exit::done};
}

}  // namespace

void add_bench_comm(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = bench.add_subcommand("comm", "Time and check collectives between ranks that a launcher started (llmrun bench comm does)");
  add_probe_options(*command, arguments->probe);
  add_bench_comm_options(*command, arguments->work);
  command->add_option("--warmup", arguments->warmup)->capture_default_str()->check(CLI::NonNegativeNumber);
  command->add_flag("--json", arguments->json, "One object on one line");
  command->callback([=, &exit_code] {
    sizes_of(arguments->work);  // a wrong one is refused before ranks meet
    exit_code = run_probe(arguments->probe, [=](const Probe& probe) { return measure(*arguments, probe); });
  });
}

}  // namespace llmrun::rank
