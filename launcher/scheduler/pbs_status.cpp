#include "launcher/scheduler/pbs_status.h"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <set>
#include <tuple>

#include "engine/core/json.h"
#include "launcher/scheduler/queue_line.h"

namespace llmrun {
namespace {

constexpr int kWalltimeExceeded = -29;      // JOB_EXEC_KILL_WALLTIME of pbs_ifl.h
constexpr int kRequeuedByPreemption = -11;  // stays where the job waits again
constexpr int kSubstateTerminated = 91;
constexpr std::string_view kByScheduler = "terminated by Scheduler@";  // preempt_order D; a person's qdel: "terminated by hpcuser@..."

/// Whether the backslash at `at` begins an escape that JSON knows.
bool is_escape(std::string_view text, size_t at) {
  const char next = at + 1 < text.size() ? text[at + 1] : '\0';
  if (next != 'u') return next != '\0' && std::string_view("\"\\/bfnrt").find(next) != std::string_view::npos;
  const std::string_view digits = text.substr(at + 2, 4);
  return digits.size() == 4 && std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// Doubles a backslash that begins no JSON escape, and blanks control characters, inside strings.
std::string mended(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') inside = !inside;
    if (inside && c == '\\') {
      if (is_escape(text, i)) {
        out += {c, text[i + 1]};
        ++i;
      } else {
        out += "\\\\";
      }
      continue;
    }
    out += inside && static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

/// A variable in Latin-1 of one job must not hide all others: what is not ASCII is blanked, where some of it is no UTF-8.
std::string plain(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c >= 0x80; }, '?');
  return text;
}

json parsed(std::string_view answer) {
  json document = json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) document = json::parse(mended(answer), nullptr, false);
  if (document.is_discarded()) document = json::parse(plain(mended(answer)), nullptr, false);
  if (document.is_object()) return document;
  throw Error(Exit::unreachable, "qstat's answer of {} bytes is not JSON, or is cut off", answer.size()).hint("qstat -f -F json");
}

template <typename Visit>
void for_each_job(std::string_view answer, Visit visit) {
  const json document = parsed(answer);
  const auto listed = document.find("Jobs");
  if (listed == document.end()) return;
  if (!listed->is_object()) throw Error(Exit::unreachable, "qstat's answer holds 'Jobs' that are no object").hint("qstat -f -F json");
  for (const auto& [id, attributes] : listed->items())
    if (attributes.is_object()) visit(id, attributes);
}

/// Values that PBS took for numbers or truths come back as it wrote them.
std::string text_of(const json& attributes, const char* key) {
  const auto found = attributes.find(key);
  if (found == attributes.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::optional<int> number_of(const json& attributes, const char* key) {
  const auto found = attributes.find(key);
  if (found == attributes.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int>();
}

/// "Mon Nov 23 17:00:34 2026"; older servers give seconds since 1970 for an estimate.
std::optional<int64_t> time_of(const json& attributes, const char* key) {
  const auto found = attributes.find(key);
  if (found == attributes.end()) return std::nullopt;
  if (found->is_number_integer()) return found->get<int64_t>();
  if (!found->is_string()) return std::nullopt;
  std::tm broken_down{};
  broken_down.tm_isdst = -1;
  if (::strptime(found->get<std::string>().c_str(), "%a %b %d %H:%M:%S %Y", &broken_down) == nullptr) return std::nullopt;
  return ::mktime(&broken_down);
}

/// Seconds of "72:00:00", "00:05:00".
std::optional<int64_t> duration_of(const json& attributes, const char* list, const char* key) {
  const auto resources = attributes.find(list);
  if (resources == attributes.end() || !resources->is_object()) return std::nullopt;
  int64_t hours = 0, minutes = 0, seconds = 0;
  if (std::sscanf(text_of(*resources, key).c_str(), "%ld:%ld:%ld", &hours, &minutes, &seconds) != 3) return std::nullopt;
  return hours * 3600 + minutes * 60 + seconds;
}

int64_t nodes_of(const json& attributes) {
  const auto resources = attributes.find("Resource_List");
  if (resources == attributes.end() || !resources->is_object()) return 0;
  return number_of(*resources, "nodect").value_or(0);
}

/// "x3001c0s1b0n0/0*64+x3001c0s1b1n0/0*64" names each host once for each chunk.
std::vector<std::string> hosts_of(std::string_view exec_host) {
  std::vector<std::string> hosts;
  while (!exec_host.empty()) {
    const std::string_view chunk = exec_host.substr(0, exec_host.find('+'));
    exec_host.remove_prefix(std::min(exec_host.size(), chunk.size() + 1));
    const std::string host(chunk.substr(0, chunk.find('/')));
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  return hosts;
}

JobPhase phase_of(const std::string& state) {
  switch (state.empty() ? '?' : state[0]) {
    case 'R':
    case 'B':  // an array with members that run
    case 'E':
      return JobPhase::running;
    case 'S':
    case 'U':
      return JobPhase::suspended;
    case 'H':
      return JobPhase::held;
    case 'F':
    case 'X':
      return JobPhase::ended;
    default:
      return JobPhase::waiting;  // Q, W, T, M
  }
}

/// Hold_Types: u by its owner, o by an operator, s by the system, which is a dependency where it has one.
JobHold hold_of(const json& attributes) {
  const std::string types = text_of(attributes, "Hold_Types");
  if (types.find_first_of("uo") != std::string::npos) return JobHold::person;
  if (types.find('s') == std::string::npos) return JobHold::none;
  return attributes.contains("depend") ? JobHold::dependency : JobHold::system;
}

JobEnd end_of(std::optional<int> exit_status, bool terminated, std::string_view comment) {
  if (exit_status == kWalltimeExceeded) return JobEnd::walltime;
  if (terminated) return comment.find(kByScheduler) != std::string_view::npos ? JobEnd::preempted : JobEnd::cancelled;
  // Substate 92 alone means nothing: a job whose dependency failed has it too, and no Exit_status.
  if (!exit_status) return JobEnd::never_ran;
  return *exit_status == 0 ? JobEnd::done : JobEnd::failed;
}

/// The server's own word on the end, else what the job used, else when it went into the history.
std::optional<int64_t> finished_of(const json& attributes, int64_t started) {
  if (const auto told = time_of(attributes, "obittime")) return told;
  if (const auto used = duration_of(attributes, "resources_used", "walltime")) return started + *used;
  return time_of(attributes, "history_timestamp");
}

Job job_of(const std::string& id, const json& attributes) {
  Job job;
  job.id = id;
  job.name = text_of(attributes, "Job_Name");
  job.queue = text_of(attributes, "queue");
  job.phase = phase_of(text_of(attributes, "job_state"));
  job.comment = text_of(attributes, "comment");
  job.started = time_of(attributes, "stime");
  if (const auto estimated = attributes.find("estimated"); estimated != attributes.end() && estimated->is_object())
    job.starts_at = time_of(*estimated, "start_time");
  job.hosts = hosts_of(text_of(attributes, "exec_host"));
  job.runs = number_of(attributes, "run_count").value_or(0);
  job.queued = time_of(attributes, "ctime");
  job.walltime = duration_of(attributes, "Resource_List", "walltime");
  job.nodes = nodes_of(attributes);
  job.hold = hold_of(attributes);
  job.depends = text_of(attributes, "depend");
  job.members = text_of(attributes, "array_state_count");
  const std::optional<int> exit_status = number_of(attributes, "Exit_status");
  const bool waits = job.phase == JobPhase::waiting || job.phase == JobPhase::held;
  job.preempted = waits && exit_status == kRequeuedByPreemption;
  if (job.phase != JobPhase::ended) return job;
  job.end = end_of(exit_status, number_of(attributes, "substate") == kSubstateTerminated, job.comment);
  if (exit_status) job.exit_code = shell_code_of_pbs(*exit_status);
  if (job.started) job.finished = finished_of(attributes, *job.started);
  return job;
}

/// Whether it waits for nodes alone, and may get them.
bool stands_in_line(const json& attributes) {
  return text_of(attributes, "job_state") == "Q" && !text_of(attributes, "comment").starts_with("Can Never Run");
}

}  // namespace

int shell_code_of_pbs(int exit_status) {
  if (exit_status == kWalltimeExceeded) return 128 + SIGTERM;
  if (exit_status < 0) return 1;
  return exit_status < 256 ? exit_status : 128 + (exit_status - 256);
}

std::map<std::string, Job> jobs_of_qstat(std::string_view answer) {
  std::map<std::string, Job> jobs;
  for_each_job(answer, [&](const std::string& id, const json& attributes) { jobs.emplace(id, job_of(id, attributes)); });
  return jobs;
}

QueueLine line_of_qstat(std::string_view answer, std::string_view queue) {
  struct Place {
    int64_t before;  // the priority that users give, highest first
    int64_t time;    // in this queue since
    WaitingJob job;
  };
  std::vector<Place> places;
  std::set<std::string> owners;
  for_each_job(answer, [&](const std::string& id, const json& attributes) {
    const std::string owner = text_of(attributes, "Job_Owner");
    owners.insert(owner.substr(0, owner.find('@')));
    if (text_of(attributes, "queue") != queue || !stands_in_line(attributes)) return;
    places.push_back(
        {-number_of(attributes, "Priority").value_or(0), time_of(attributes, "qtime").value_or(0), {id, nodes_of(attributes)}});
  });
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return std::tie(a.before, a.time) < std::tie(b.before, b.time); });
  QueueLine line;
  line.tells_of_others = owners.size() > 1;
  for (Place& place : places) line.jobs.push_back(std::move(place.job));
  return line;
}

std::map<std::string, JobOrigin> origins_of_qstat(std::string_view answer) {
  std::map<std::string, JobOrigin> origins;
  for_each_job(answer, [&](const std::string& id, const json& attributes) {
    if (const auto variables = attributes.find("Variable_List"); variables != attributes.end())
      origins[id] = {text_of(*variables, "PBS_O_WORKDIR"), time_of(attributes, "ctime").value_or(0)};
  });
  return origins;
}

}  // namespace llmrun
