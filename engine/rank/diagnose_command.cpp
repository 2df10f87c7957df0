#include <ATen/DeviceAccelerator.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "engine/comm/gpu.h"
#include "engine/core/units.h"
#include "engine/rank/bench_comm.h"
#include "engine/rank/commands.h"
#include "engine/rank/host_report.h"
#include "engine/rank/links.h"
#include "engine/rank/probe.h"

namespace llmrun::rank {
namespace {

struct DiagnoseArguments {
  ProbeOptions probe;
  std::string directory;  // whose file system is measured
  int64_t write_bytes = 64 << 20;
  int64_t link_bytes = 4 << 20;
};

json speed_json(const std::filesystem::path& directory, int64_t bytes) {
  const WriteSpeed speed = write_speed(directory, bytes);
  json told{{"directory", directory.string()}, {"bytes_per_s", nullptr}};
  speed.error.empty() ? told["bytes_per_s"] = speed.bytes_per_s : told["error"] = speed.error;
  return told;
}

/// The rank's own GPU; null on a CPU.
json gpu_json(at::Device device) {
  if (device.is_cpu()) return nullptr;
  const auto [free, total] = at::getDeviceAllocator(device.type())->getMemoryInfo(device.index());
  return {{"name", gpu_name(device.index())}, {"index", device.index()}, {"memory_bytes", total}, {"free_bytes", free}};
}

json rank_json(const Probe& probe, const DiagnoseArguments& arguments, bool leads) {
  json told{{"rank", probe.identity.rank},
            {"host", host_name()},
            {"local_rank", probe.identity.local_rank},
            {"cores", usable_cores()},
            {"gpus", probe.device.is_cpu() ? 0 : visible_gpus().count},
            {"gpu", gpu_json(probe.device)},
            {"limits", limits_json()}};
  if (!leads) return told;
  const char* tmp = std::getenv("TMPDIR");
  told["run_directory"] = speed_json(arguments.directory, arguments.write_bytes);
  told["tmp"] = speed_json(tmp != nullptr && *tmp != '\0' ? tmp : "/tmp", arguments.write_bytes);
  return told;
}

/// The first rank of each host, in rank order.
std::vector<int> leaders(const std::vector<std::string>& hosts) {
  std::map<std::string, int> first;
  for (size_t rank = 0; rank < hosts.size(); ++rank) first.try_emplace(hosts[rank], static_cast<int>(rank));
  std::vector<int> ranks;
  for (const auto& [host, rank] : first) ranks.push_back(rank);
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

json clocks_json(Communicator& world, const std::vector<int>& leads, const std::vector<std::string>& hosts, at::Device device) {
  const std::vector<int> others(leads.begin() + 1, leads.end());  // rank 0 leads its own
  const std::vector<ClockOffset> offsets = clock_offsets(world, others, device);
  json clocks = json::array();
  for (size_t i = 0; i < offsets.size(); ++i)
    clocks.push_back({{"host", hosts[static_cast<size_t>(others[i])]}, {"offset_s", offsets[i].offset_s}, {"error_s", offsets[i].error_s}});
  return clocks;
}

json links_json(Communicator& world, const std::vector<int>& leads, const std::vector<std::string>& hosts, int64_t bytes,
                at::Device device) {
  const std::vector<double> speeds = link_speeds(world, leads, bytes, device);
  json links = json::array();
  for (size_t i = 0; i < speeds.size(); ++i) {
    const auto host = [&](size_t at) { return hosts[static_cast<size_t>(leads[at % leads.size()])]; };
    links.push_back({{"hosts", {host(i), host(i + 1)}}, {"bytes_per_s", speeds[i]}});
  }
  return links;
}

ProbeResult measure(const DiagnoseArguments& arguments, const Probe& probe) {
  Communicator& world = probe.world;
  const std::vector<std::string> hosts = gather_texts(world, host_name(), probe.device);
  const std::vector<int> leads = leaders(hosts);
  const bool lead = std::find(leads.begin(), leads.end(), world.rank()) != leads.end();
  json told{{"version", 1}, {"communicator", probe.kind}, {"why", probe.why}, {"device", probe.device.type() == at::kCPU ? "cpu" : "cuda"}};
  told["ranks"] = json::array();
  const std::string mine = rank_json(probe, arguments, lead).dump(-1, ' ', false, json::error_handler_t::replace);
  const std::vector<std::string> all = gather_texts(world, mine, probe.device);
  if (world.rank() == 0)
    for (const std::string& one : all) told["ranks"].push_back(json::parse(one));
  told["clocks"] = clocks_json(world, leads, hosts, probe.device);
  told["links"] = links_json(world, leads, hosts, arguments.link_bytes, probe.device);
  BenchCommOptions bench{.collectives = {Collective::all_reduce}, .sizes = {1 << 16, 1 << 20, 1 << 23}, .device = probe.device};
  told["all_reduce"] = json::array();
  for (const CommTiming& timing : bench_comm(world, bench)) told["all_reduce"].push_back(to_json(timing, world.size()));
  return {told.dump() + "\n"};
}

}  // namespace

void add_diagnose(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<DiagnoseArguments>();
  auto* command = app.add_subcommand("diagnose", "What each host is like and what lies between them, as JSON (llmrun doctor starts it)");
  add_probe_options(*command, arguments->probe);
  command->add_option("--directory", arguments->directory, "Where its write speed is measured")->required();
  command->add_option("--write-bytes", arguments->write_bytes, "Written in each place, at most, and removed")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->callback(
      [=, &exit_code] { exit_code = run_probe(arguments->probe, [=](const Probe& probe) { return measure(*arguments, probe); }); });
}

}  // namespace llmrun::rank
