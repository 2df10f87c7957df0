#include "launcher/doctor/judge_hosts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "engine/core/units.h"

namespace llmrun {
namespace {

constexpr double kSlow = 0.5;         // of the median
constexpr double kSkew_s = 1;         // between clocks, from where on logs of two hosts do not sort
constexpr double kMostlyFree = 0.95;  // of a GPU's memory that nobody uses yet: a context takes a few hundred MiB
constexpr size_t kNamed = 8;          // hosts named in one line

/// A figure of each host that has one.
using ByHost = std::vector<std::pair<std::string, double>>;

std::string speed(double bytes_per_s) { return human_bytes(bytes_per_s) + "/s"; }

std::string counted(size_t number, const char* word) { return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s"); }

std::string named(std::vector<std::string> hosts) {
  const size_t more = hosts.size() > kNamed ? hosts.size() - kNamed : 0;
  hosts.resize(hosts.size() - more);
  return more == 0 ? fmt::format("{}", fmt::join(hosts, ", ")) : fmt::format("{} and {} more", fmt::join(hosts, ", "), more);
}

double median(const ByHost& figures) {
  std::vector<double> values;
  for (const auto& [host, value] : figures) values.push_back(value);
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// How fast all are together, and who is slower than half the median.
Result judge_speeds(const ByHost& speeds, const std::string& what, const std::string& remedy) {
  const double usual = median(speeds);
  std::vector<std::string> slow;
  for (const auto& [host, value] : speeds)
    if (value < kSlow * usual) slow.push_back(fmt::format("{} ({})", host, speed(value)));
  const std::string seen = fmt::format("median {} {}", what, speed(usual));
  if (slow.empty()) return {Verdict::ok, seen, {}};
  return {Verdict::warn, fmt::format("{}; {} of {} are slower than half of that: {}", seen, slow.size(), speeds.size(), named(slow)),
          remedy};
}

Result judge_presence(const json& report, const Expected& expected) {
  std::set<std::string> there;
  for (const json& rank : report.at("ranks")) there.insert(rank.at("host").get<std::string>());
  const std::string seen = fmt::format("{} on {}; {}", counted(report.at("ranks").size(), "rank"), counted(there.size(), "host"),
                                       report.at("why").get<std::string>());
  if (there.size() == expected.hosts.size()) return {Verdict::ok, seen, {}};
  return {Verdict::fail, fmt::format("{}, but the launch has {}", seen, counted(expected.hosts.size(), "host")),
          "two names of the hostfile may mean one machine, or the launcher put ranks elsewhere"};
}

/// Hosts whose ranks say something else than most: {"32": [host, ...], "16": [host]}.
template <typename Value>
std::map<std::string, std::set<std::string>> groups(const json& report, const Value& value) {
  std::map<std::string, std::set<std::string>> groups;
  for (const json& rank : report.at("ranks")) groups[value(rank)].insert(rank.at("host").get<std::string>());
  return groups;
}

/// Whether all hosts say the same; where not, who differs from the most.
template <typename Value>
Result judge_alike(const json& report, const std::string& what, const Value& value) {
  const auto all = groups(report, value);
  const auto most =
      std::max_element(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (all.size() == 1) return {Verdict::ok, fmt::format("{} {} everywhere", what, most->first), {}};
  std::vector<std::string> odd;
  for (const auto& [said, hosts] : all)
    if (said != most->first)
      for (const std::string& host : hosts) odd.push_back(fmt::format("{} ({})", host, said));
  return {Verdict::warn, fmt::format("{} {} on most hosts, but not on {}", what, most->first, named(odd)),
          "leave these hosts out, or tell who runs them"};
}

std::string limits_of(const json& rank) {
  const json& limits = rank.at("limits");
  const auto shown = [&](const char* name) {
    return limits.at(name).is_null() ? "unlimited" : std::to_string(limits.at(name).get<uint64_t>());
  };
  return fmt::format("open files {}, locked bytes {}, core bytes {}", shown("open_files"), shown("locked_bytes"), shown("core_bytes"));
}

Result judge_gpus(const json& report, const Expected& expected) {
  if (report.at("device") == "cpu")
    return {
        Verdict::not_applicable, expected.gpus > 0 ? "ranks computed on CPUs, as parallel.communicator says" : "ranks compute on CPUs", {}};
  std::vector<std::string> used;
  std::set<std::string> names, short_of;
  for (const json& rank : report.at("ranks")) {
    const json& gpu = rank.at("gpu");
    const double free = gpu.at("free_bytes").get<double>(), all = gpu.at("memory_bytes").get<double>();
    names.insert(fmt::format("{} of {}", gpu.at("name").get<std::string>(), human_bytes(all)));
    if (free < kMostlyFree * all)
      used.push_back(fmt::format("{} GPU {} ({} free)", rank.at("host").get<std::string>(), gpu.at("index").get<int>(), human_bytes(free)));
  }
  for (const json& rank : report.at("ranks"))  // a launcher that binds shows each rank one GPU, its own
    if (const int64_t visible = rank.at("gpus"); visible > 1 && visible < expected.gpus)
      short_of.insert(fmt::format("{} ({} of {})", rank.at("host").get<std::string>(), visible, expected.gpus));
  const std::string seen = fmt::format("{} GPUs: {}", report.at("ranks").size(), fmt::join(names, "; "));
  if (!short_of.empty())
    return {Verdict::fail, fmt::format("{}; missing on {}", seen, named({short_of.begin(), short_of.end()})),
            "nvidia-smi there; leave these hosts out, and tell who runs them"};
  if (!used.empty())
    return {Verdict::warn, fmt::format("{}; in use already: {}", seen, named(used)), "nvidia-smi there shows whose; leave these hosts out"};
  if (names.size() > 1) return {Verdict::warn, seen + ", not all alike", "the smallest and slowest sets the pace: leave it out"};
  return {Verdict::ok, seen, {}};
}

Result judge_clocks(const json& report) {
  std::vector<std::string> off;
  double widest = 0;
  for (const json& clock : report.at("clocks")) {
    const double offset = clock.at("offset_s").get<double>(), error = clock.at("error_s").get<double>();
    widest = std::max(widest, std::abs(offset));
    if (std::abs(offset) - error > kSkew_s) off.push_back(fmt::format("{} ({:+.3g} s)", clock.at("host").get<std::string>(), offset));
  }
  if (report.at("clocks").empty()) return {Verdict::not_applicable, "one host", {}};
  const std::string seen = fmt::format("at most {:.3g} ms from rank 0's", 1e3 * widest);
  if (off.empty()) return {Verdict::ok, seen, {}};
  return {Verdict::warn, fmt::format("{}; off by more than {} s: {}", seen, kSkew_s, named(off)),
          "tell who runs these hosts: their NTP does not work"};
}

/// The write speed of a directory on the hosts that measured it.
Result judge_writes(const json& report, const char* place) {
  ByHost speeds;
  std::vector<std::string> cannot;
  std::string directory;
  for (const json& rank : report.at("ranks")) {
    if (!rank.contains(place)) continue;
    const json& told = rank.at(place);
    directory = told.at("directory").get<std::string>();
    const std::string host = rank.at("host").get<std::string>();
    if (told.at("bytes_per_s").is_null())
      cannot.push_back(fmt::format("{} ({})", host, told.at("error").get<std::string>()));
    else
      speeds.emplace_back(host, told.at("bytes_per_s").get<double>());
  }
  if (!cannot.empty())
    return {Verdict::fail, fmt::format("'{}' cannot be written on {}", directory, named(cannot)),
            fmt::format("ls -ld '{}' there", directory)};
  return judge_speeds(speeds, fmt::format("of '{}'", directory), "df there; leave these hosts out, or tell who runs them");
}

/// A host is as fast as the better of its two links: its neighbour may be the slow one.
Result judge_links(const json& report) {
  std::map<std::string, double> best;
  for (const json& link : report.at("links"))
    for (const json& host : link.at("hosts")) {
      double& known = best[host.get<std::string>()];
      known = std::max(known, link.at("bytes_per_s").get<double>());
    }
  if (best.empty()) return {Verdict::not_applicable, "one host", {}};
  return judge_speeds({best.begin(), best.end()}, "between two hosts", "leave these hosts out, or tell who runs them");
}

Result judge_all_reduce(const json& report) {
  const json* fastest = nullptr;
  int64_t wrong = 0;
  for (const json& timing : report.at("all_reduce")) {
    wrong += timing.at("wrong").get<int64_t>();
    if (fastest == nullptr || timing.at("busbw_bytes_per_s") > fastest->at("busbw_bytes_per_s")) fastest = &timing;
  }
  if (wrong > 0)
    return {Verdict::fail, fmt::format("{} elements came out wrong over '{}'", wrong, report.at("communicator").get<std::string>()),
            "another communicator: --set parallel.communicator=tcp; and tell who runs this machine"};
  if (report.at("ranks").size() < 2 || fastest == nullptr) return {Verdict::not_applicable, "one rank", {}};
  return {
      Verdict::ok,
      fmt::format("bus bandwidth {} at {} over '{}'; llmrun bench comm shows more", speed(fastest->at("busbw_bytes_per_s").get<double>()),
                  human_bytes(fastest->at("bytes").get<double>()), report.at("communicator").get<std::string>()),
      {}};
}

}  // namespace

std::vector<Finding> judge_hosts(const json& report, const Expected& expected) {
  return {{"ranks", "every host runs its ranks", judge_presence(report, expected)},
          {"GPUs", "every rank has a GPU to itself", judge_gpus(report, expected)},
          {"cores", "every rank may use as many cores",
           judge_alike(report, "cores of a rank:", [](const json& rank) { return std::to_string(rank.at("cores").get<int>()); })},
          {"rank limits", "ranks may use the same everywhere", judge_alike(report, "ranks have", limits_of)},
          {"clocks", "the clocks of the hosts agree", judge_clocks(report)},
          {"run directory speed", "every host writes where runs are", judge_writes(report, "run_directory")},
          {"TMPDIR speed", "every host writes its temporary files", judge_writes(report, "tmp")},
          {"links", "every host is well connected", judge_links(report)},
          {"all-reduce", "ranks sum right, and how fast", judge_all_reduce(report)}};
}

}  // namespace llmrun
