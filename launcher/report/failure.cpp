#include "launcher/report/failure.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <tuple>

#include "engine/core/silent_peer.h"
#include "launcher/report/last_lines.h"
#include "launcher/rundir/record.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr size_t kLastLines = 12;

std::vector<fs::path> error_files(const RunPaths& paths, int attempt) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.attempt(attempt), none))
    if (entry.path().filename().string().ends_with(".error.json")) files.push_back(entry.path());
  return files;
}

bool is_report(const json& document) { return document.is_object() && document.contains("rank"); }

std::string first_label(std::string_view host) { return std::string(host.substr(0, host.find('.'))); }

std::optional<std::string> silent_host(const json& report) { return silent_host_in(report.value("what", "")); }

/// Where a host falls silent, its ranks say the same of all others: the one that most speak of is it, not the launcher's own (the first)
/// when two say it of each other. Reports that blame another host's silence go.
void believe_most(std::vector<json>& reports, const std::vector<PlanHost>& hosts) {
  std::map<std::string, int> blamed;
  for (const json& report : reports)
    if (const auto host = silent_host(report)) ++blamed[first_label(*host)];
  const std::string launchers_own = hosts.empty() ? "" : first_label(hosts.front().name);
  const auto weight = [&](const auto& host) { return std::pair(host.second, host.first != launchers_own); };
  const auto culprit = std::max_element(blamed.begin(), blamed.end(), [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
  std::erase_if(reports, [&](const json& report) {
    const auto host = silent_host(report);
    return host && first_label(*host) != culprit->first;
  });
}

/// The error report with the least time, those of ranks that a signal killed before all others, which may only have missed them, and those
/// that only say that another failed behind all; a torn one does not count.
std::optional<json> earliest_error(const RunPaths& paths, int attempt, std::vector<json> reports, const std::vector<PlanHost>& hosts) {
  for (const fs::path& file : error_files(paths, attempt)) {
    std::ifstream stream(file);
    reports.push_back(json::parse(stream, nullptr, /*allow_exceptions=*/false));
  }
  std::erase_if(reports, [](const json& report) { return !is_report(report); });
  believe_most(reports, hosts);
  const auto place = [](const json& report) {
    return std::tuple(report.value("of_another_rank", false), !is_cause(signal_in(report.value("code", 0))), report.value("time", 0.0));
  };
  const auto first = std::min_element(reports.begin(), reports.end(), [&](const json& a, const json& b) { return place(a) < place(b); });
  return first == reports.end() ? std::nullopt : std::optional(*first);
}

void tell_death(const RankDeath& death, Failure& failure) {
  failure.rank = death.rank;
  failure.host = death.host;
  if (death.host_lost) {
    failure.who = "host " + death.host;
    failure.what = "is gone: nothing is heard of it, so it or the link to it is down";
    failure.exit_code = static_cast<int>(Exit::failed);
    return;
  }
  if (!death.rank && !death.host.empty()) failure.who = "a rank on " + death.host;
  failure.what = death.signal != 0 ? "was killed by " + signal_shown(death.signal) : fmt::format("exited with code {}", death.code);
  failure.exit_code = death.signal != 0 ? 128 + death.signal : death.code;
  if (death.signal == SIGKILL)
    failure.hint = "out of memory is the usual cause ('dmesg | tail' on the host says so); else somebody killed it";
  if (death.signal == SIGABRT) failure.hint = "its last words say why; std::bad_alloc is a lack of memory: free -h, ulimit -v";
}

void tell_error(const json& error, Failure& failure) {
  failure.told_by_rank = true;
  failure.rank = error.value("rank", int64_t{0});
  failure.host = error.value("host", "");
  failure.what = error.value("what", "failed without a word");
  failure.because = error.value("because", std::vector<std::string>());
  failure.hint = error.value("hint", "");
  failure.section = error.value("section", "");
  failure.exit_code = error.value("code", 1);
}

}  // namespace

int signal_in(int exit_code) { return exit_code > 128 && exit_code < 128 + SIGRTMIN ? exit_code - 128 : 0; }

std::string signal_shown(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("signal {} (SIG{})", number, name) : fmt::format("signal {}", number);
}

std::string host_of(const std::vector<PlanHost>& hosts, int64_t rank) {
  for (const PlanHost& host : hosts) {
    if (rank < host.slots) return host.name;
    rank -= host.slots;
  }
  return "";
}

bool any_error_file(const RunPaths& paths, int attempt) { return !error_files(paths, attempt).empty(); }

std::optional<json> error_report_in(std::string_view line) {
  if (!line.starts_with(kErrorReportMark)) return {};
  json report = json::parse(line.substr(kErrorReportMark.size()), nullptr, /*allow_exceptions=*/false);
  return is_report(report) ? std::optional(std::move(report)) : std::nullopt;
}

std::vector<json> error_reports_at_end(const fs::path& log) {
  constexpr std::streamoff kEnd = 4 << 20;  // bytes that are looked at: a report has about 400, and thousands of ranks may write one
  std::ifstream in(log, std::ios::binary);
  in.seekg(0, std::ios::end);
  if (!in) return {};
  in.seekg(std::max<std::streamoff>(0, in.tellg() - kEnd));
  std::vector<json> reports;
  for (std::string line; std::getline(in, line);)
    if (auto report = error_report_in(line)) reports.push_back(*std::move(report));
  return reports;
}

bool any_rank_spoke(const RunPaths& paths, int attempt) {
  std::error_code none;
  const fs::directory_iterator files(paths.attempt(attempt), none);
  return std::any_of(begin(files), end(files), [](const fs::directory_entry& file) { return file.path().extension() == ".log"; });
}

namespace {

constexpr int kNotLoaded = 127;     // of a process whose shared libraries could not be loaded: ld.so(8)
constexpr int kLaunchersOwn = 200;  // mpirun and ssh end with 243 or 255 where they start nothing: above every signal's

/// The combined log.
std::string log_of(const RunPaths& paths, int number) {
  for (const Attempt& attempt : read_record(paths.record()).attempts)
    if (attempt.number == number) return attempt.log;
  return {};
}

/// The launcher ended without a rank's word: what it said is the cause. Its codes are its own, and a chain goes on after them, but for
/// those that mean a host was not reached.
void tell_launcher(const std::string& log, int exit_code, Failure& failure) {
  failure.last_lines = last_lines(log, kLastLines);
  if (exit_code >= kLaunchersOwn) {
    failure.exit_code = static_cast<int>(Exit::preflight);
    failure.what = "started no rank: a host was not reached";
    failure.hint = "ssh HOST true, for each host of the hostfile";
    return;
  }
  const auto says = [&](std::string_view words) {
    return std::any_of(failure.last_lines.begin(), failure.last_lines.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  };
  failure.what = fmt::format("exited with code {}, and no rank wrote a line", exit_code);
  failure.hint = says("More processors requested than permitted")  // srun: a task gets a CPU of its own
                     ? "the allocation has fewer CPUs than ranks: salloc --exclusive, or --ntasks-per-node=N; "
                       "--set machine.launcher_options=[--overcommit] lets ranks share them"
                     : "llmrun doctor, right here, tries the launcher and says what it needs";
}

}  // namespace

Failure find_failure(const RunPaths& paths, int attempt, const Launch& launch, const Ending& ending, const std::vector<json>& told) {
  Failure failure;
  if (launch.ranks_are_threads) failure.who = "the process of all ranks";
  const std::optional<json> error = earliest_error(paths, attempt, told, launch.hosts);
  const bool rank_is_known = ending.death && ending.death->rank && is_cause(ending.death->signal);
  // SIGABRT is a cause too where all that ranks told is that they miss one.
  const bool missed =
      ending.death && ending.death->rank && ending.death->signal == SIGABRT && error && error->value("of_another_rank", false);
  if (ending.death && (rank_is_known || missed || !error)) {
    tell_death(*ending.death, failure);
  } else if (error) {
    tell_error(*error, failure);
  } else {
    failure.exit_code = ending.exit_code;
    const int signal = signal_in(ending.exit_code);
    failure.what = signal != 0 ? "was killed by " + signal_shown(signal) : fmt::format("exited with code {}", ending.exit_code);
    const bool silent = signal == 0 && !launch.ranks_are_threads && !any_rank_spoke(paths, attempt);
    if (silent && ending.exit_code != kNotLoaded) tell_launcher(log_of(paths, attempt), ending.exit_code, failure);
  }
  if (launch.trains && failure.exit_code == kNotLoaded && failure.hint.empty())
    failure.hint = fmt::format("its loader named above what it lacks, a library or memory for one: ldd {}; module list; ulimit -v",
                               launch.command.at(0));
  if (failure.exit_code == 0) failure.exit_code = ending.exit_code != 0 ? ending.exit_code : 1;
  if (launch.ranks_are_threads && !failure.told_by_rank) failure.rank.reset();  // one process held them all
  if (failure.rank && failure.host.empty()) failure.host = host_of(launch.hosts, *failure.rank);
  if (failure.rank) failure.last_lines = last_lines(paths.rank_log(attempt, *failure.rank), kLastLines);
  return failure;
}

std::string where_it_goes_on(const RunPaths& paths) {
  std::error_code none;
  const bool saved = fs::exists(paths.checkpoints() / "latest", none);
  return saved ? "goes on from the last checkpoint" : "starts again from the beginning: no checkpoint was written";
}

std::string train_again(const RunPaths& paths) { return "the same command " + where_it_goes_on(paths); }

std::string who_failed(const Failure& failure) {
  return failure.rank ? fmt::format("rank {} on {}", *failure.rank, failure.host) : failure.who;
}

std::string failure_text(const Failure& failure) {
  const std::string during = failure.section.empty() ? "" : fmt::format(" (in {})", failure.section);
  return fmt::format("{}{}{}{}", who_failed(failure), during, failure.told_by_rank ? ": " : " ", failure.what);
}

namespace {

/// Whether the same command would only come to the same end.
bool fails_again(Exit code) {
  return code == Exit::config || code == Exit::preflight || code == Exit::numerics || code == Exit::no_checkpoint;
}

}  // namespace

Error failure_error(const Failure& failure, const std::string& next) {
  Error error(static_cast<Exit>(failure.exit_code), "{}", failure_text(failure));
  for (const std::string& reason : failure.because) error.because(reason);
  const bool in_vain = failure.told_by_rank && fails_again(static_cast<Exit>(failure.exit_code));
  if (failure.hint.empty())
    error.hint("{}{}", in_vain ? "mend that; then " : "", next);
  else
    error.hint("{}", in_vain ? failure.hint : failure.hint + "; " + next);
  return error;
}

}  // namespace llmrun
