#include <algorithm>
#include <sstream>

#include "engine/core/json.h"
#include "launcher/doctor/surroundings.h"

namespace llmrun {
namespace {

std::vector<std::string> words(const std::string& line) {
  std::istringstream text(line);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Result none(const Surroundings& here) {
  return {Verdict::not_applicable, fmt::format("machine.scheduler is {}", here.config().machine.scheduler), {}};
}

json asked_pbs(const Surroundings& here, std::vector<std::string> argv) {
  const std::string shown = fmt::format("{}", fmt::join(argv, " "));
  try {
    return parse_json(answer_of(here, std::move(argv)));
  } catch (const std::invalid_argument& error) {
    throw Error(Exit::unreachable, "'{}' gave no JSON: {}", shown, error.what()).hint("{}", shown);
  }
}

Result look_at_pbs_server(const Surroundings& here) {
  const json answer = asked_pbs(here, {"qstat", "-B", "-f", "-F", "json"});
  for (const auto& [name, server] : answer.at("Server").items()) {
    const std::string state = server.value("server_state", "unknown");
    std::string seen = fmt::format("'{}' runs PBS {} and is {}", name, answer.value("pbs_version", "of an unknown version"), state);
    if (server.value("scheduling", "True") != "True")
      return {Verdict::warn, seen + ", but starts no jobs", "wait: submit works, and what is queued stays queued"};
    return {state == "Active" ? Verdict::ok : Verdict::warn, std::move(seen), state == "Active" ? "" : "qstat -B -f"};
  }
  return {Verdict::fail, "the answer names no server", "qstat -B -f"};
}

Result look_at_slurm_server(const Surroundings& here) {
  const std::string answer = answer_of(here, {"sinfo", "--version"});
  answer_of(here, {"sinfo", "--noheader", "--format", "%R"});  // the version alone needs no server
  return {Verdict::ok, fmt::format("{} answers", lines(answer).at(0)), {}};
}

Result look_at_server(const Surroundings& here) {
  const std::string& scheduler = here.config().machine.scheduler;
  if (scheduler == "local") return none(here);
  return scheduler == "pbs" ? look_at_pbs_server(here) : look_at_slurm_server(here);
}

struct Queue {
  std::string name;
  bool open = true;
};

std::vector<Queue> pbs_queues(const Surroundings& here) {
  const json answer = asked_pbs(here, {"qstat", "-Q", "-f", "-F", "json"});
  std::vector<Queue> queues;
  for (const auto& [name, queue] : answer.at("Queue").items())
    queues.push_back({name, queue.value("enabled", "True") == "True" && queue.value("started", "True") == "True"});
  return queues;
}

/// "debug up": a partition a line, its own name and its state.
std::vector<Queue> slurm_partitions(const Surroundings& here) {
  std::vector<Queue> queues;
  for (const std::string& line : lines(answer_of(here, {"sinfo", "--noheader", "--format", "%R %a"})))
    if (const auto both = words(line); both.size() == 2) queues.push_back({both[0], both[1] == "up"});
  return queues;
}

/// The queue of job.queue, else the profile's own default.
Result look_at_queue(const Surroundings& here) {
  const MachineConfig& machine = here.config().machine;
  if (machine.scheduler == "local") return none(here);
  if (machine.scheduler == "slurm" && machine.queue_option == "qos")
    return {Verdict::not_applicable, "a queue is a QOS here: not checked", {}};
  const std::string& wanted = here.config().job.queue.empty() ? machine.default_queue : here.config().job.queue;
  const std::vector<Queue> queues = machine.scheduler == "pbs" ? pbs_queues(here) : slurm_partitions(here);
  std::vector<std::string> names;
  for (const Queue& queue : queues) names.push_back(queue.name);
  if (wanted.empty()) return {Verdict::ok, fmt::format("none is named; the scheduler has {}", fmt::join(names, ", ")), {}};
  const auto found = std::find_if(queues.begin(), queues.end(), [&](const Queue& queue) { return queue.name == wanted; });
  if (found == queues.end())
    return {Verdict::fail, fmt::format("the scheduler has no '{}', it has {}", wanted, fmt::join(names, ", ")), "--set job.queue=NAME"};
  if (!found->open) return {Verdict::warn, fmt::format("'{}' takes or starts no jobs now", wanted), "--set job.queue=NAME of another"};
  return {Verdict::ok, fmt::format("'{}' is there and open", wanted), {}};
}

/// The projects in the table of sbank-list-allocations: the word below "Project". Its earlier columns hold one word each.
std::vector<std::string> projects_of_sbank(const std::string& table) {
  std::vector<std::string> projects;
  std::optional<size_t> column;
  for (const std::string& line : lines(table)) {
    const std::vector<std::string> row = words(line);
    const auto head = std::find(row.begin(), row.end(), "Project");
    if (head != row.end()) {
      column = static_cast<size_t>(head - row.begin());
    } else if (row.empty()) {
      column.reset();  // the totals follow
    } else if (column && row.size() > *column && !row[0].starts_with("--")) {
      projects.push_back(row[*column]);
    }
  }
  return projects;
}

/// The accounts that this user may charge. Nothing where no tool tells, `why` then: a Slurm without a database has none, and fails to say.
std::optional<std::vector<std::string>> accounts(const Surroundings& here, std::string& why) {
  why = "no tool here lists allocations";
  try {
    if (here.has("sbank-list-allocations"))
      return projects_of_sbank(answer_of(here, {"sbank-list-allocations", "-u", here.user, "-r", here.config().machine.profile}));
    if (here.config().machine.scheduler == "slurm" && here.has("sacctmgr"))
      return lines(answer_of(here, {"sacctmgr", "--noheader", "--parsable2", "show", "assoc", "user=" + here.user, "format=account"}));
  } catch (const Error& error) {
    why = error.what();
  }
  return {};
}

/// Without an account PBS at ALCF takes no job, and Slurm takes the user's default.
Result judge_no_account(const Surroundings& here, const std::optional<std::vector<std::string>>& known) {
  if (here.config().machine.scheduler == "slurm") return {Verdict::ok, "none is set: Slurm's default for you holds", {}};
  return {Verdict::warn, known ? fmt::format("none is set; yours are {}", fmt::join(*known, ", ")) : "none is set, and there is no default",
          "--set job.account=PROJECT, or export LLMRUN_JOB_ACCOUNT=PROJECT"};
}

Result look_at_account(const Surroundings& here) {
  if (here.config().machine.scheduler == "local") return none(here);
  const std::string& account = here.config().job.account;
  std::string why;
  const auto known = accounts(here, why);
  if (account.empty()) return judge_no_account(here, known);
  if (!known) return {Verdict::ok, fmt::format("'{}'; whether it may be charged is not checked: {}", account, why), {}};
  if (std::find(known->begin(), known->end(), account) != known->end())
    return {Verdict::ok, fmt::format("'{}' may be charged", account), {}};
  const std::string yours = known->empty() ? "you have none" : fmt::format("{}", fmt::join(*known, ", "));
  return {Verdict::fail, fmt::format("'{}' is none of yours: {}", account, yours), "--set job.account=PROJECT"};
}

}  // namespace

std::vector<Check> scheduler_checks(const Surroundings& here) {
  return {{"scheduler", "the batch system answers", [=] { return look_at_server(here); }},
          {"queue", "the queue that jobs go to exists and is open", [=] { return look_at_queue(here); }},
          {"account", "a project that pays is set, and may be charged", [=] { return look_at_account(here); }}};
}

}  // namespace llmrun
