#include "launcher/report/explanation.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/follow/followed_run.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/render/shell.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/last_lines.h"
#include "launcher/report/run_summary.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/scheduler/chain.h"
#include "launcher/scheduler/dependency_text.h"
#include "launcher/scheduler/sweep.h"
#include "launcher/scheduler/waiting_reasons.h"

namespace llmrun {
namespace {

std::string nodes_text(int64_t nodes) { return fmt::format("{} node{}", nodes, nodes == 1 ? "" : "s"); }

std::string named(const ExplainedRun& run) { return fmt::format("job {} of '{}'", short_id(run.job->queued.id), run.history.name); }

/// "asked for 2 nodes for 01:00:00; queue 'debug' takes 1 to 2 nodes, 00:05:00 to 01:00:00".
void tell_limits(const ExplainedRun& run, const Job& job, Explanation& explanation) {
  const QueueLimits* limits = run.machine ? find_queue(*run.machine, job.queue) : nullptr;
  const bool of_gpus = limits != nullptr && shares_nodes(*limits);
  std::string text = "asked for " + (of_gpus ? fmt::format("{} GPUs", job.nodes) : nodes_text(job.nodes));
  if (job.walltime) text += " for " + format_duration(*job.walltime);
  if (limits != nullptr) {
    std::vector<std::string> takes;  // a limit that the profile does not say is none
    if (of_gpus)
      takes.push_back(fmt::format("{} GPUs of a node", fmt::join(limits->gpus, ", ")));
    else if (limits->nodes[1] > 0)
      takes.push_back(fmt::format("{} to {} nodes", limits->nodes[0], limits->nodes[1]));
    if (limits->walltime_s[1] > 0)
      takes.push_back(fmt::format("{} to {}", format_duration(limits->walltime_s[0]), format_duration(limits->walltime_s[1])));
    if (limits->jobs_of_user > 0) takes.push_back(fmt::format("{} at once of a user", limits->jobs_of_user));
    if (!takes.empty()) text += fmt::format("; queue '{}' takes {}", job.queue, fmt::join(takes, ", "));
  }
  if (job.nodes > 0) explanation.facts.push_back(text);
}

/// "3 jobs that want 14 nodes wait before it in debug".
std::string ahead_text(const std::optional<QueueAhead>& ahead, const std::string& queue) {
  if (!ahead) return fmt::format("how many jobs wait before it in {} is not known", queue);
  const char* others = ahead->tells_of_others ? "" : "; the scheduler tells of your own jobs alone, or nobody else has any";
  if (ahead->jobs == 0) return fmt::format("no job waits before it in {}{}", queue, others);
  return fmt::format("{} job{} before it in {}{}", ahead->jobs,
                     ahead->jobs == 1 ? fmt::format(" that wants {} waits", nodes_text(ahead->nodes))
                                      : fmt::format("s that want {} wait", nodes_text(ahead->nodes)),
                     queue, others);
}

/// The jobs it waits for by the names of their runs, and whether one of them has ended so that it never starts: PBS leaves a job held whose
/// parent was deleted before it ran.
void tell_dependencies(const ExplainedRun& run, const Job& job, Explanation& explanation) {
  for (const KnownJob& other : run.waits_for) {
    const std::optional<HandedOver> wait = handed_over(job.depends, other.queued.id, other.queued.id);
    if (!wait) continue;
    explanation.facts.push_back(
        fmt::format("{} job {} of '{}', which is {}", wait->kind, short_id(other.queued.id), other.queued.run, state_word(other.seen)));
    if (!other.seen.job || other.seen.job->phase != JobPhase::ended) continue;
    const bool well = other.seen.job->end == JobEnd::done;
    const bool in_vain = wait->kind == (well ? "afternotok" : "afterok");
    if (!in_vain) continue;
    explanation.meaning = fmt::format("it never starts: it waits for '{}' to end otherwise than it did", other.queued.run);
    explanation.remedy = "llmrun cancel " + run.word + "; then submit it again without job.depends";
  }
}

void tell_waiting(const ExplainedRun& run, const Job& job, int64_t now, Explanation& explanation) {
  const std::string since = job.queued ? fmt::format(" for {}", format_duration(std::max<int64_t>(0, now - *job.queued))) : "";
  const char* does = job.phase == JobPhase::held ? "is held" : job.phase == JobPhase::suspended ? "is suspended" : "waits";
  explanation.headline = fmt::format("{} {} in {}{}", named(run), does, job.queue, since);
  const WaitingReason reason = waiting_reason(run.job->queued.scheduler, job, run.word);
  explanation.meaning = reason.meaning;
  explanation.remedy = reason.remedy;
  if (job.queue.starts_with("backfill"))
    explanation.facts.push_back("the queue is for projects whose time is used up: it starts when nobody else wants the nodes");
  if (job.runs > 0 && job.hold != JobHold::system && job.phase != JobPhase::suspended)
    explanation.facts.push_back(fmt::format("it was started {} time{} and put back: {}; it {}", job.runs, job.runs == 1 ? "" : "s",
                                            job.preempted ? "its nodes were taken for another job" : "preempted, or a node failed",
                                            where_it_goes_on(RunPaths(run.history.dir))));
  tell_dependencies(run, job, explanation);
  tell_limits(run, job, explanation);
  if (job.phase == JobPhase::waiting && reason.waits_alone) explanation.facts.push_back(ahead_text(run.ahead, job.queue));
  if (job.starts_at && *job.starts_at > now)
    explanation.facts.push_back(fmt::format("starts about {}, as the scheduler estimates", clock_text(*job.starts_at, now)));
  if (!job.members.empty()) explanation.facts.push_back("members: " + job.members);
}

void tell_running(const ExplainedRun& run, const Job& job, int64_t now, Explanation& explanation) {
  explanation.headline = named(run) + " runs";
  if (job.started) explanation.headline += " since " + clock_text(*job.started, now);
  if (!job.hosts.empty()) explanation.headline += " " + on_hosts(job.hosts);
  tell_limits(run, job, explanation);
  const std::string member = first_member(run.history.dir);
  explanation.remedy = "llmrun tail " + run.word + (member.empty() ? "" : "/" + member);
}

void tell_unknown(const ExplainedRun& run, Explanation& explanation) {
  explanation.headline = named(run) + " is not known to its scheduler any more";
  explanation.meaning =
      "schedulers forget a job some time after its end (PBS at ALCF: two weeks), and PBS lets a job vanish that no queue behind a routing "
      "queue takes; unknown is not failed";
  explanation.remedy = "llmrun submit again; it is checked against the queues' limits first";
}

/// How the scheduler says that a job ended, where it says more than the run's own exit code.
std::string end_meaning(const Job& job) {
  switch (job.end.value_or(JobEnd::done)) {
    case JobEnd::never_ran:
      return "it never ran: a job that it depended on ended otherwise than it must have, or was deleted";
    case JobEnd::walltime:
      return "it reached its walltime and was killed";
    case JobEnd::preempted:
      return "its nodes were taken for another job (preempted), and it was not put back into the queue";
    case JobEnd::cancelled:
      return job.started ? "it was cancelled while it ran" : "it was cancelled before it ran";
    case JobEnd::done:
    case JobEnd::failed:
      break;
  }
  return "";
}

/// What comes next after the end. The rank's own hint is the best; else what the exit code asks for.
std::string end_remedy(const ExplainedRun& run, const Job* job, const Explanation& explanation) {
  const std::string hint = explanation.failure ? explanation.failure->hint : "";
  const RunPaths paths(run.history.dir);
  const std::optional<ChainStop>& stop = run.history.chain_stop;
  const bool foreign = exit_codes_of(run.history.record) == ExitCodes::foreign;
  const std::string more = stop      ? next_step(*stop, where_it_goes_on(paths))
                           : foreign ? fmt::format("llmrun tail {} -n 100 shows what it said", run.word)
                                     : "";
  if (!hint.empty() || !more.empty()) return hint + (hint.empty() || more.empty() ? "" : "; ") + more;
  const char* again = run.job ? "llmrun submit" : "the same command";
  const char* from = whole_checkpoint_steps(paths).empty() ? "starts from the beginning" : "goes on from the last checkpoint";
  if (job != nullptr && job->end == JobEnd::walltime && !stop)
    return "llmrun submit --until-done goes on by itself after each walltime; or a longer --set job.walltime=H:MM:SS";
  switch (static_cast<Exit>(explanation.exit_code.value_or(1))) {
    case Exit::done:
      return "";
    case Exit::config:
      return fmt::format("llmrun config check {}; then {} again", paths.config().string(), again);
    case Exit::preflight:
      return "llmrun doctor";
    case Exit::no_progress:
      return fmt::format("llmrun show {} tells how each attempt ended; mend that, then {} again", run.word, again);
    default:
      return fmt::format("{} again {}", again, from);
  }
}

/// A job that failed before llmrun began an attempt says why in its own output.
void tell_output(const ExplainedRun& run, const Job& job, Explanation& explanation) {
  constexpr size_t kLines = 12;
  if (job.end != JobEnd::failed || !run.history.record.attempts.empty()) return;
  const std::filesystem::path output = output_of_job(run.job->queued);
  if (output.empty()) return;
  explanation.facts.push_back("the job's own output: " + output.string());
  Failure failure;
  failure.who = "its script";
  failure.what = fmt::format("exited with code {}", job.exit_code.value_or(1));
  failure.last_lines = last_lines(output, kLines);
  explanation.failure = failure;
}

void tell_attempt(const ExplainedRun& run, Explanation& explanation) {
  const std::vector<Attempt>& attempts = run.history.record.attempts;
  if (attempts.empty()) return;
  const Attempt& attempt = attempts.back();
  explanation.failure = failure_of_attempt(RunPaths(run.history.dir), attempt, exit_codes_of(run.history.record), run.plan);
  explanation.facts.push_back(
      attempt.exit ? fmt::format("attempt {} ended with {}", attempt.number, end_text(run.history, *attempt.exit))
                   : fmt::format("attempt {}: no exit was written: its launcher was killed, or the machine went down", attempt.number));
}

bool has_failed(const RunHistory& member) {
  constexpr std::string_view kOpenOrWell[] = {"done", "running", "queued", "waiting", "held", "suspended", "unknown"};
  return std::find(std::begin(kOpenOrWell), std::end(kOpenOrWell), member.state) == std::end(kOpenOrWell);
}

/// What became of a sweep is told by its members: its array has failed where one of them has.
void tell_members(const ExplainedRun& run, Explanation& explanation) {
  constexpr size_t kNamed = 5;
  if (run.members.empty()) return;
  std::vector<std::string> failed;
  for (const RunHistory& member : run.members)
    if (has_failed(member)) failed.push_back(name_and_state(member));
  if (failed.empty()) {
    explanation.facts.push_back(
        fmt::format("none of its {} member{} has failed by now", run.members.size(), run.members.size() == 1 ? "" : "s"));
    explanation.remedy.clear();
    return;
  }
  const auto first = std::find_if(run.members.begin(), run.members.end(), has_failed);
  explanation.remedy = fmt::format("llmrun explain {} says why; the same llmrun submit again queues only the members that are not done",
                                   shell_quoted(first->name));
  const std::string more = failed.size() > kNamed ? fmt::format(", and {} more", failed.size() - kNamed) : "";
  const size_t count = failed.size();
  failed.resize(std::min(failed.size(), kNamed));
  explanation.facts.push_back(fmt::format("{} of {} members failed: {}{}", count, run.members.size(), fmt::join(failed, ", "), more));
}

void tell_end(const ExplainedRun& run, const Job* job, Explanation& explanation) {
  explanation.exit_code = run.history.exit_code;
  explanation.headline = (job != nullptr ? named(run) : fmt::format("run '{}'", run.history.name)) + ": " + run.history.state;
  if (job != nullptr) {
    explanation.meaning = end_meaning(*job);
    if (job->exit_code && !run.history.exit_code) explanation.exit_code = job->exit_code;
    tell_output(run, *job, explanation);
  }
  tell_attempt(run, explanation);
  if (run.history.chain_stop) explanation.meaning = told(*run.history.chain_stop);
  if (explanation.meaning.empty() && explanation.exit_code)
    explanation.meaning = exit_text(*explanation.exit_code, exit_codes_of(run.history.record));
  explanation.remedy = end_remedy(run, job, explanation);
  tell_members(run, explanation);
}

}  // namespace

Explanation explain(const ExplainedRun& run, int64_t now) {
  Explanation explanation;
  const Job* job = run.job && run.job->seen.job ? &*run.job->seen.job : nullptr;
  if (job != nullptr) explanation.comment = job->comment;
  if (run.job && state_word(run.job->seen) == "unknown" && run.history.record.attempts.empty()) {
    tell_unknown(run, explanation);
  } else if (job != nullptr && !run.job->seen.unknown && job->phase == JobPhase::running) {
    tell_running(run, *job, now, explanation);
  } else if (job != nullptr && !run.job->seen.unknown && job->phase != JobPhase::ended) {
    tell_waiting(run, *job, now, explanation);
  } else if (run.history.state == "running") {
    explanation.headline = fmt::format("run '{}' is running", run.history.name);
    explanation.remedy = "llmrun tail " + run.word;
  } else {
    tell_end(run, job, explanation);
  }
  return explanation;
}

}  // namespace llmrun
