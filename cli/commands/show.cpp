#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/run_meant.h"
#include "cli/ui/job_text.h"
#include "cli/ui/table.h"
#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/reported_run.h"
#include "launcher/report/run_summary.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/scheduler/chain.h"
#include "launcher/scheduler/waiting_reasons.h"

namespace llmrun::cli {
namespace {

std::string layout_text(const Layout& layout) {
  std::string text = fmt::format("{} rank{}", layout.ranks(), layout.ranks() == 1 ? "" : "s");
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) text += fmt::format(", {} {}", axis_name(axis), layout.size(axis));
  return text;
}

std::string hosts_text(const std::vector<PlanHost>& hosts) {
  constexpr size_t kShown = 4;
  std::string text = fmt::format("{}:", hosts.size());
  for (size_t i = 0; i < hosts.size() && i < kShown; ++i) text += " " + hosts[i].name;
  return hosts.size() > kShown ? fmt::format("{} and {} more", text, hosts.size() - kShown) : text;
}

json plan_json(const Plan& plan) {
  json layout, hosts = json::array();
  for (const Axis axis : kAxes) layout[std::string(axis_name(axis))] = plan.layout.size(axis);
  for (const PlanHost& host : plan.hosts) hosts.push_back(host.name);
  return {{"ranks", plan.ranks()},
          {"layout", layout},
          {"hosts", hosts},
          {"ranks_per_node", plan.ranks_per_node},
          {"steps", plan.steps},
          {"global_batch", plan.global_batch},
          {"machine", plan.config.machine.profile}};
}

json attempts_json(const ReportedRun& run, const RunPaths& paths) {
  json attempts = json::array();
  for (const Attempt& attempt : run.history.record.attempts) {
    json line = attempt_json(attempt, exit_codes_of(run.history.record));
    const std::optional<Failure> failure = failure_of_attempt(paths, attempt, exit_codes_of(run.history.record), run.plan);
    line["reason"] = failure ? json(failure_text(*failure)) : json();
    attempts.push_back(std::move(line));
  }
  return attempts;
}

json jobs_json(const KnownJobs& jobs, int64_t now) {
  json list = json::array();
  for (const KnownJob& job : jobs.jobs) list.push_back(to_json(job, now));
  return list;
}

json members_json(const std::vector<RunHistory>& members) {
  json list = json::array();
  for (const RunHistory& member : members)
    list.push_back({{"run", member.name},
                    {"state", member.state},
                    {"dir", member.dir.string()},
                    {"exit_code", member.exit_code ? json(*member.exit_code) : json()}});
  return list;
}

json to_json(const ReportedRun& run, const std::vector<RunHistory>& members, int64_t now) {
  const RunPaths paths(run.history.dir);
  const std::vector<int64_t> steps = whole_checkpoint_steps(paths);
  return {{"version", 1},
          {"run", run.history.name},
          {"state", run.history.state},
          {"dir", run.history.dir.string()},
          {"exit_code", run.history.exit_code ? json(*run.history.exit_code) : json()},
          {"chain_ended", run.history.chain_stop ? json(run.history.chain_stop->reason) : json()},
          {"plan", run.plan ? plan_json(*run.plan) : json()},
          {"attempts", attempts_json(run, paths)},
          {"members", members_json(members)},
          {"checkpoints", {{"count", steps.size()}, {"newest", steps.empty() ? json() : json(steps.back())}}},
          {"metrics", last_metrics(paths)},
          {"jobs", jobs_json(run.jobs, now)},
          {"paths",
           {{"config", paths.config().string()},
            {"metrics", paths.metrics().string()},
            {"events", paths.events().string()},
            {"logs", paths.logs().string()}}}};
}

/// Lines of "key  value", keys in a column.
class Lines {
 public:
  explicit Lines(Output& out) : out_(out) {}
  void add(std::string_view key, std::string_view value) { out_.print("{:<12} {}\n", key, one_line(value)); }

 private:
  Output& out_;
};

std::string metrics_text(const json& metrics) {
  std::string text;
  for (const char* key : {"step", "loss", "grad_norm", "tokens_per_s", "mfu"})
    if (metrics.contains(key) && metrics[key].is_number())
      text += fmt::format("{}{} {}", text.empty() ? "" : "  ", key, metrics[key].dump());
  return text;
}

/// "waiting in debug: Not Running: Not enough free nodes available".
std::string job_line(const KnownJob& job) {
  if (!job.seen.job && job.seen.as_of == 0) return fmt::format("queued {}, nothing heard of it since", job.queued.submitted);
  if (!job.seen.job) return state_word(job.seen);
  const std::string why = short_reason(job.queued.scheduler, *job.seen.job), &queue = job.seen.job->queue;
  return fmt::format("{}{}{}{}{}", state_word(job.seen), queue.empty() ? "" : " in ", queue, why.empty() ? "" : ": ", why);
}

/// A sweep has its members' names where another run has checkpoints and logs.
void add_members(const std::vector<RunHistory>& members, Lines& lines) {
  for (const RunHistory& member : members) lines.add(&member == &members.front() ? "members" : "", name_and_state(member));
}

void write_text(const ReportedRun& run, const std::vector<RunHistory>& members, Context& context) {
  const RunPaths paths(run.history.dir);
  Lines lines(context.out());
  lines.add("run", fmt::format("{} ({})", run.history.name, run.history.state));
  lines.add("directory", run.history.dir.string());
  if (run.plan) {
    lines.add("layout", layout_text(run.plan->layout));
    lines.add("hosts", hosts_text(run.plan->hosts));
    lines.add("steps", fmt::format("{}, {} sequences each", run.plan->steps, run.plan->global_batch));
  }
  const ExitCodes whose = exit_codes_of(run.history.record);
  for (const Attempt& attempt : run.history.record.attempts) {
    const bool newest = attempt.number == run.history.record.attempts.back().number;
    const std::string open = newest && run.history.state != "died" ? "no exit yet" : "no exit was written";
    const std::string end = !attempt.exit ? open : newest ? end_text(run.history, *attempt.exit) : exit_text(*attempt.exit, whose);
    lines.add(fmt::format("attempt {}", attempt.number), fmt::format("{}  {}", attempt.start, end));
    if (const auto failure = failure_of_attempt(paths, attempt, whose, run.plan)) lines.add("", failure_text(*failure));
  }
  if (const std::optional<ChainStop>& stop = run.history.chain_stop) {
    lines.add("chain", told(*stop));
    if (const std::string next = next_step(*stop, where_it_goes_on(paths)); !next.empty()) lines.add("", "hint: " + next);
  }
  const std::vector<int64_t> steps = whole_checkpoint_steps(paths);
  if (whose == ExitCodes::ours && members.empty())
    lines.add("checkpoints", steps.empty() ? "none" : fmt::format("{}, newest at step {}", steps.size(), steps.back()));
  if (const json metrics = last_metrics(paths); metrics.is_object()) lines.add("metrics", metrics_text(metrics));
  for (const KnownJob& job : run.jobs.jobs) lines.add("job " + one_line(short_id(job.queued.id)), job_line(job));
  if (!run.history.record.attempts.empty()) lines.add("log", run.history.record.attempts.back().log);
  if (members.empty()) lines.add("logs", paths.logs().string());
  add_members(members, lines);
}

void show(const std::string& word, Context& context) {
  const int64_t now = std::time(nullptr);
  const Variables environment = Variables::of_this_process();
  const ReportedRun run = report_run(word, std::filesystem::current_path(), environment, now);
  const std::vector<RunHistory> members = members_of_sweep(run.history.dir, environment, now);
  if (context.json)
    context.out().print("{}\n", to_json(run, members, now).dump(2, ' ', false, json::error_handler_t::replace));
  else
    write_text(run, members, context);
  if (run.unheard) context.talk().print("llmrun: warning: {}\n", one_line(run.unheard->what()));
  if (!context.json) context.talk().write(freshness_text(run.jobs, now));
}

}  // namespace

void add_show(CLI::App& app, Context& context) {
  auto word = std::make_shared<std::string>("last");
  auto* command = app.add_subcommand("show", "One run: its plan, attempts, checkpoints, jobs and files");
  command->add_option("run", *word, kRunMeant)->capture_default_str()->type_name("RUN");
  command->footer("Examples:\n  llmrun show\n  llmrun show my-run --json");
  command->callback([=, &context] { show(*word, context); });
}

}  // namespace llmrun::cli
