#include "cli/submit/desk.h"

#include <tuple>

#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/plan/backend.h"
#include "launcher/plan/forecast.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/plan/warnings.h"
#include "launcher/process/sibling.h"
#include "launcher/profile/yaml_text.h"
#include "launcher/render/template.h"
#include "launcher/rundir/run_dir.h"
#include "launcher/scheduler/ready.h"

namespace llmrun::cli {
namespace {

std::vector<Complaint> complaints_of_run(const PlanInput& input, const Plan& plan) {
  std::vector<Complaint> complaints;
  check_job(input.resolved, {static_cast<int64_t>(plan.hosts.size()), plan.ranks()}, complaints);
  check_files(input.resolved, plan, sibling_path("llmrun-rank"), complaints);
  return complaints;
}

/// What the ranks will not survive, as far as that is known here.
void add_warnings_of_run(const PlanInput& input, const Plan& plan, std::vector<std::string>& warnings) {
  for (std::string& line : warnings_of(plan, forecast(plan), input.node)) warnings.push_back(std::move(line));
  const JobConfig& job = plan.config.job;
  if (job.walltime_s && 2 * job.margin() > *job.walltime_s)
    warnings.push_back(fmt::format("job.margin {} leaves {} of job.walltime {} to train in", format_duration(job.margin()),
                                   format_duration(*job.walltime_s - job.margin()), format_duration(*job.walltime_s)));
  try {
    check_backend(input);
  } catch (const Error& none) {
    warnings.push_back(fmt::format("the job will end with {}: {}", static_cast<int>(none.code()), none.what()));
  }
}

/// As its ranks stand on the hosts; where they do not fit there, which is told, every host and all of its GPUs.
JobSize size_asked_for(const PlanInput& input) {
  const int64_t hosts = std::ssize(input.allocation.hosts);
  try {
    const Placement placement = place_ranks(input);
    return {std::ssize(placement.hosts), placement.ranks()};
  } catch (const Error&) {
    return {hosts, hosts * input.node.gpus};
  }
}

/// What no directive may hold, and a template that lacks a value: with the other complaints, not behind them.
void complaints_of_script(const Plan& plan, const JobRequest& request, std::vector<Complaint>& complaints) {
  try {
    job_script(plan, request);
  } catch (const Error& error) {
    complaints.insert(complaints.end(), error.complaints().begin(), error.complaints().end());
  }
}

}  // namespace

void add_queue_options(CLI::App& command, PlanOptions& options) {
  add_plan_options(command, options);
  options.run.contradictions = [of_plan = options.run.contradictions](const Resolved& resolved, std::vector<Complaint>& complaints) {
    of_plan(resolved, complaints);
    const auto& [machine, job] = std::tie(resolved.config.machine, resolved.config.job);
    const int64_t nodes = job.nodes.value_or(1), each = job.ranks_per_node.value_or(machine.node.gpus.value_or(1));
    if (resolved.was_read({"machine", "job"})) check_job(resolved, {nodes, nodes * each}, complaints);
    if (resolved.was_read({"data"})) check_data_files(resolved, complaints);
  };
}

Planned plan_to_queue(const PlanOptions& options, const Variables& environment, Context& context) {
  if (options.hostfile)
    throw Error(Exit::usage, "--hostfile: the hosts of a job are its scheduler's to choose")
        .hint("--nodes N, or --set job.ranks_per_node=N");
  PlanInput input = unsettled_input(options, environment, Intent::queue, context);
  try {
    settle(input, context);
    Plan plan = make_plan(input);
    return {std::move(input), std::move(plan)};
  } catch (const Error& unplanned) {
    std::vector<Complaint> complaints = unplanned.complaints();
    check_job(input.resolved, size_asked_for(input), complaints);
    check_data_files(input.resolved, complaints);
    throw Error(unplanned.code(), std::move(complaints));
  }
}

Desk make_desk(const Config& config, Variables environment) {
  Desk desk;
  desk.scheduler = make_scheduler(config.machine.scheduler, environment);
  desk.list = job_list_file(environment);
  check_job_list(desk.list);
  desk.jobs = read_jobs(desk.list);
  desk.request.llmrun = std::filesystem::read_symlink("/proc/self/exe").string();
  desk.request.templates = template_directories(environment);
  desk.environment = std::move(environment);
  return desk;
}

void check(const PlanInput& input, const Plan& plan, bool ask, Desk& desk) {
  const Resolved& resolved = input.resolved;
  std::vector<Complaint> complaints = complaints_of_run(input, plan);
  std::vector<Dependency> dependencies = read_dependencies(resolved, desk.jobs, complaints);
  if (ask) {
    if (!dependencies.empty()) dependencies = open_dependencies(dependencies, *desk.scheduler, resolved, complaints);
    check_own_jobs(resolved, plan, desk.jobs, *desk.scheduler, complaints);
  } else {
    check_dependencies(dependencies, *desk.scheduler, resolved, complaints);
  }
  desk.request.size_key = resolved.model_size_key;
  desk.request.ranks = input.ranks;
  complaints_of_script(plan, desk.request, complaints);
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
  desk.warnings = fragile_dependencies(dependencies, *desk.scheduler);
  add_warnings_of_run(input, plan, desk.warnings);
  desk.request.depends = dependency_words(dependencies);
}

void check_run(const PlanInput& input, const Plan& plan) {
  if (std::vector<Complaint> complaints = complaints_of_run(input, plan); !complaints.empty())
    throw Error(Exit::preflight, std::move(complaints));
}

void warn(const Plan& plan, const Desk& desk, Context& context) {
  if (const std::string local = node_local(desk.request.llmrun); !local.empty())
    context.talk().print("llmrun: warning: compute nodes have another {} than this one, and '{}' is in it: ./bootstrap install elsewhere\n",
                         local, printable(desk.request.llmrun));
  for (const std::string& warning : desk.warnings) context.talk().print("llmrun: warning: {}\n", printable(warning));
  if (const auto needed = time_needed(plan); needed && needed->jobs > 1)
    context.talk().print("llmrun: {}{}\n", time_needed_text(*needed, *plan.config.job.walltime_s),
                         plan.config.run.until_done ? "" : ": --until-done queues them");
}

json facts(const Plan& plan, const Desk& desk) {
  const auto needed = time_needed(plan);
  return {{"warnings", desk.warnings},
          {"time_needed", needed ? json{{"tokens_per_s", needed->tokens_per_s},
                                        {"measured", needed->measured},
                                        {"steps", needed->steps},
                                        {"seconds", needed->seconds},
                                        {"jobs", needed->jobs}}
                                 : json()}};
}

void write_job_files(const Plan& plan, const std::string& script, const GitState& git) {
  const RunPaths paths(plan.dir);
  Config config = plan.config;
  config.run.name = plan.name;  // a job has not the variables that the name was made of
  RunDir::write(paths.config(), to_yaml(config));
  RunDir::write(paths.git(), to_json(git).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  RunDir::write(paths.job_script(), script, RunDir::FileKind::script);
}

void print_script(const std::string& run, const std::filesystem::path& dir, const std::string& script, const json& more, Context& context) {
  if (!context.json) return context.out().write(script);
  json line{{"version", 1}, {"run", run}, {"dir", dir.string()}, {"script", script}};
  line.update(more);
  context.out().print("{}\n", line.dump(2, ' ', false, json::error_handler_t::replace));
}

void ask_the_server(const std::filesystem::path& script, const json& more, Scheduler& scheduler, Context& context) {
  const std::string answer = scheduler.rehearse(script);
  if (!context.json) return context.talk().print("{}\n", printable(answer));
  json line{{"version", 1}, {"accepted", true}, {"answer", answer}, {"script", script.string()}};
  line.update(more);
  context.out().print("{}\n", line.dump(2, ' ', false, json::error_handler_t::replace));
}

void print_queued(const QueuedJob& job, const json& more, Context& context) {
  if (!context.json) return context.out().print("{}\n", printable(job.id));
  json line{{"version", 1}, {"run", job.run}, {"job_id", job.id}, {"dir", job.dir}, {"script", RunPaths(job.dir).job_script().string()}};
  line.update(more);
  context.out().print("{}\n", line.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace llmrun::cli
