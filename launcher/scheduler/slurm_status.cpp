#include "launcher/scheduler/slurm_status.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <set>

#include "engine/core/error.h"
#include "engine/core/units.h"
#include "launcher/scheduler/queue_line.h"
#include "launcher/site/nodelist.h"

namespace llmrun {
namespace {

/// A state of Slurm, by the words of squeue's manual, and what it is to us.
struct State {
  std::string_view name;
  JobPhase phase;
  std::optional<JobEnd> end = {};
};
constexpr std::array kStates = std::to_array<State>({
    {"PENDING", JobPhase::waiting},
    {"CONFIGURING", JobPhase::waiting},  // its nodes boot
    {"REQUEUED", JobPhase::waiting},
    {"REQUEUE_FED", JobPhase::waiting},
    {"REQUEUE_HOLD", JobPhase::held},
    {"SPECIAL_EXIT", JobPhase::held},
    {"RESV_DEL_HOLD", JobPhase::held},
    {"RUNNING", JobPhase::running},
    {"COMPLETING", JobPhase::running},  // how it ended is known when its last process is gone
    {"SIGNALING", JobPhase::running},
    {"RESIZING", JobPhase::running},
    {"STAGE_OUT", JobPhase::running},
    {"SUSPENDED", JobPhase::suspended},
    {"STOPPED", JobPhase::suspended},
    {"COMPLETED", JobPhase::ended, JobEnd::done},
    {"FAILED", JobPhase::ended, JobEnd::failed},
    {"BOOT_FAIL", JobPhase::ended, JobEnd::failed},
    {"NODE_FAIL", JobPhase::ended, JobEnd::failed},
    {"OUT_OF_MEMORY", JobPhase::ended, JobEnd::failed},
    {"TIMEOUT", JobPhase::ended, JobEnd::walltime},
    {"DEADLINE", JobPhase::ended, JobEnd::walltime},
    {"CANCELLED", JobPhase::ended, JobEnd::cancelled},
    {"PREEMPTED", JobPhase::ended, JobEnd::preempted},
    {"REVOKED", JobPhase::ended, JobEnd::cancelled},
});

/// A line cut at its first bars; the last field holds what is left. Blanks that fill a field are no part of it.
template <size_t count>
std::array<std::string, count> fields_of(std::string_view line) {
  std::array<std::string, count> fields;
  for (size_t i = 0; i < count; ++i) {
    const size_t bar = i + 1 < count ? line.find('|') : line.size();
    if (bar == std::string_view::npos)
      throw Error(Exit::unreachable, "squeue's answer is cut off at '{}'", line.substr(0, 80)).hint("squeue --me");
    std::string_view field = line.substr(0, bar);
    while (field.ends_with(' ') || field.ends_with('|')) field.remove_suffix(1);
    fields[i] = field == "(null)" || field == "N/A" ? "" : field;
    line.remove_prefix(std::min(line.size(), bar + 1));
  }
  return fields;
}

template <size_t count, typename Visit>
void for_each_line(std::string_view answer, Visit visit) {
  while (!answer.empty()) {
    const std::string_view line = answer.substr(0, answer.find('\n'));
    answer.remove_prefix(std::min(answer.size(), line.size() + 1));
    if (!line.empty()) visit(fields_of<count>(line));
  }
}

/// "1-00:00:00", "30:00", "UNLIMITED".
std::optional<int64_t> seconds_of(std::string_view text) {
  int64_t seconds = 0;
  while (!text.empty()) {
    int64_t part = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (error != std::errc{}) return {};
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    seconds = (seconds + part) * (text.starts_with('-') ? 24 : text.starts_with(':') ? 60 : 1);
    text.remove_prefix(std::min<size_t>(text.size(), 1));
  }
  return seconds;
}

/// What wait() says of a batch script, as a shell would tell it.
int shell_code(int64_t wait_status) {
  const int signal = static_cast<int>(wait_status & 0x7f);
  return signal != 0 ? 128 + signal : static_cast<int>(wait_status >> 8 & 0xff);
}

JobHold hold_of(std::string_view reason) {
  if (reason.starts_with("Dependency")) return JobHold::dependency;
  if (reason.starts_with("JobHeldUser") || reason.starts_with("JobHeldAdmin")) return JobHold::person;
  return reason.find("requeued held") != std::string_view::npos ? JobHold::system : JobHold::none;
}

/// How a job ended that never had a node, or was killed at its limit, which its exit code does not always say.
void settle_end(Job& job, std::string_view reason, int64_t wait_status) {
  const bool ran = !job.hosts.empty();
  if (!ran && reason.starts_with("Dependency")) job.end = JobEnd::never_ran;
  if (!ran) {
    job.started.reset();
    return;
  }
  job.exit_code = shell_code(wait_status);
  if (*job.exit_code == 0 && job.end == JobEnd::failed) job.exit_code = 1;
  if (*job.exit_code == 0 && job.end != JobEnd::done) job.exit_code = 128 + SIGTERM;
}

Job job_of(const std::array<std::string, 15>& line) {
  const auto& [id, state, wait_status, reason, start, end, submit, limit, nodes, restarts, hosts, queue, dependency, preempted, name] =
      line;
  Job job{.id = id, .name = name, .queue = queue};
  const auto known = std::find_if(kStates.begin(), kStates.end(), [&](const State& one) { return one.name == state; });
  if (known != kStates.end()) job.phase = known->phase, job.end = known->end;
  // A state that a later Slurm has is no failure: the job waits for words that we know.
  job.comment = reason != "None" ? reason : known == kStates.end() || job.end == JobEnd::failed ? state : "";
  if (job.phase == JobPhase::waiting) job.hold = hold_of(reason);
  if (job.phase == JobPhase::held) job.hold = JobHold::system;
  if (job.hold != JobHold::none) job.phase = JobPhase::held;
  job.hosts = hosts.empty() ? std::vector<std::string>() : expand_nodelist(hosts);
  job.queued = parse_integer(submit);
  job.walltime = seconds_of(limit);
  job.nodes = parse_integer(nodes).value_or(0);
  job.depends = dependency;
  const bool waits = job.phase == JobPhase::waiting || job.phase == JobPhase::held;
  (waits ? job.starts_at : job.started) = parse_integer(start);
  job.preempted = job.phase == JobPhase::running && !preempted.empty();
  if (job.end) job.finished = parse_integer(end);
  if (job.end) settle_end(job, reason, parse_integer(wait_status).value_or(0));
  job.runs = static_cast<int>(parse_integer(restarts).value_or(0)) + (job.started ? 1 : 0);
  return job;
}

/// What an array as a whole is: where it has not ended, what most concerns who waits for it; else its worst end.
int weight(const Job& element) {
  constexpr std::array kPhases{JobPhase::running, JobPhase::suspended, JobPhase::waiting, JobPhase::held};
  constexpr std::array kEnds{JobEnd::failed, JobEnd::walltime, JobEnd::cancelled, JobEnd::preempted, JobEnd::never_ran, JobEnd::done};
  if (!element.end) return static_cast<int>(std::find(kPhases.begin(), kPhases.end(), element.phase) - kPhases.begin());
  return 10 + static_cast<int>(std::find(kEnds.begin(), kEnds.end(), *element.end) - kEnds.begin());
}

Job array_of(const std::string& id, const std::vector<Job>& elements) {
  Job whole = *std::min_element(elements.begin(), elements.end(), [](const Job& a, const Job& b) { return weight(a) < weight(b); });
  whole.id = id;
  std::map<std::string_view, int> counts;
  for (const Job& element : elements) ++counts[element.end ? spelling(*element.end) : spelling(element.phase)];
  std::vector<std::string> parts;
  for (const auto& [word, count] : counts) parts.push_back(fmt::format("{} {}", count, word));
  whole.members = fmt::format("{}", fmt::join(parts, ", "));
  return whole;
}

/// "0:9", an exit code and a signal, as wait() would tell it.
std::string wait_status_of(std::string_view exit_code) {
  const size_t colon = std::min(exit_code.find(':'), exit_code.size());
  const int64_t code = parse_integer(exit_code.substr(0, colon)).value_or(0);
  const int64_t signal = colon == exit_code.size() ? 0 : parse_integer(exit_code.substr(colon + 1)).value_or(0);
  return std::to_string(code << 8 | signal);
}

/// A line of sacct in the words of squeue: "CANCELLED by 1000" names who, a limit is in minutes, a job that never ran has "None assigned".
Job job_of(const std::array<std::string, 12>& line) {
  const auto& [id, state, exit_code, start, end, submit, minutes, nodes, queue, hosts, reason, name] = line;
  const std::string limit = parse_integer(minutes) ? minutes + ":00" : "";
  return job_of(std::array<std::string, 15>{id, state.substr(0, state.find(' ')), wait_status_of(exit_code), reason, start, end, submit,
                                            limit, nodes, "0", hosts == "None assigned" ? "" : hosts, queue, "", "", name});
}

/// By their ids, and whole arrays by theirs.
std::map<std::string, Job> with_arrays(const std::vector<Job>& jobs) {
  std::map<std::string, Job> known;
  std::map<std::string, std::vector<Job>> arrays;
  for (const Job& job : jobs) {
    if (const size_t mark = job.id.find('_'); mark != std::string::npos) arrays[job.id.substr(0, mark)].push_back(job);
    known.emplace(job.id, job);
  }
  for (const auto& [id, elements] : arrays) known.emplace(id, array_of(id, elements));
  return known;
}

bool is_among(const std::vector<std::string>& ids, const std::string& id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

std::map<std::string, Job> jobs_of_squeue(std::string_view answer, const std::vector<std::string>& ids) {
  std::vector<Job> jobs;
  for_each_line<15>(answer, [&](const auto& line) { jobs.push_back(job_of(line)); });
  std::map<std::string, Job> known = with_arrays(jobs);
  std::erase_if(known, [&](const auto& entry) { return !is_among(ids, entry.first); });
  return known;
}

std::map<std::string, Job> ended_jobs_of_sacct(std::string_view answer, const std::vector<std::string>& ids) {
  std::vector<Job> jobs;
  for_each_line<12>(answer, [&](const auto& line) { jobs.push_back(job_of(line)); });
  std::map<std::string, Job> known = with_arrays(jobs);
  std::erase_if(known, [&](const auto& entry) { return !entry.second.end || !is_among(ids, entry.first); });
  return known;
}

QueueLine line_of_squeue(std::string_view answer) {
  QueueLine line;
  std::set<std::string> users;
  for_each_line<4>(answer, [&](const auto& fields) {
    const auto& [id, nodes, user, reason] = fields;
    users.insert(user);
    if (reason == "BeginTime" || reason == "BadConstraints" || hold_of(reason) != JobHold::none) return;
    line.jobs.push_back({id.substr(0, id.find("_[")), parse_integer(nodes).value_or(0)});
  });
  line.tells_of_others = users.size() > 1;
  return line;
}

std::vector<SlurmOrigin> origins_of_squeue(std::string_view answer) {
  std::vector<SlurmOrigin> origins;
  for_each_line<3>(answer, [&](const auto& line) { origins.push_back({line[0], parse_integer(line[1]).value_or(0), line[2]}); });
  return origins;
}

std::map<std::string, std::string> dependencies_of_squeue(std::string_view answer) {
  std::map<std::string, std::string> dependencies;
  for_each_line<2>(answer, [&](const std::array<std::string, 2>& fields) { dependencies[fields[0]] = fields[1]; });
  return dependencies;
}

}  // namespace llmrun
