#include "cli/submit/sweep.h"

#include <algorithm>
#include <fstream>

#include "engine/core/run_paths.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/render/shell.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/run_dir.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun::cli {
namespace {

namespace fs = std::filesystem;

/// A member with its plan.
struct Member : Planned {
  size_t index;      // in the sweep
  std::string name;  // "lr=1e-4"
};

struct Sweep {
  std::string name;
  fs::path dir;
  std::vector<Member> members;  // those that job.array chooses
  int64_t at_once = 0;

  RunOfJob run_of(const Member& member, const Desk& desk) const { return {name + "/" + member.name, member.plan.dir, desk.list}; }
};

Member plan_member(const SubmitOptions& options, size_t index, const SweepMember& point, const fs::path& sweep,
                   const Variables& environment, Context& context) {
  PlanOptions words = options.plan;
  words.run.sets.insert(words.run.sets.end(), point.sets.begin(), point.sets.end());
  words.run.sets.push_back("run.name=" + point.name);
  words.run.sets.push_back("run.dir=" + (sweep / point.name).string());
  return {plan_to_queue(words, environment, context), index, point.name};
}

/// What is wrong with a member, once where it is wrong with all.
void add_complaints(const std::string& member, const Error& error, std::vector<Complaint>& complaints) {
  for (Complaint complaint : error.complaints()) {
    if (std::any_of(complaints.begin(), complaints.end(), [&](const Complaint& other) { return other.what == complaint.what; })) continue;
    complaint.because.push_back(fmt::format("in member '{}' of the sweep", member));
    complaints.push_back(std::move(complaint));
  }
}

Sweep plan_sweep(const SubmitOptions& options, const Variables& environment, Context& context) {
  const Config config = read_config(options.plan.run).config;
  if (config.run.name.empty())
    throw Error(Exit::config, "a sweep has no name of its own: run.name is not set").hint("--set run.name=lr-sweep");
  Sweep sweep{
      config.run.name, config.run.dir.empty() ? fs::current_path() / "outputs" / config.run.name : fs::absolute(config.run.dir), {}, 0};
  const std::vector<SweepMember> points = sweep_members(options.sweeps);
  const ArrayChoice choice = array_choice(config.job.array, points.size());
  sweep.at_once = choice.at_once;
  std::vector<Complaint> complaints;
  Exit code = Exit::config;
  for (size_t i = choice.first; i <= choice.last; ++i) {
    try {
      sweep.members.push_back(plan_member(options, i, points[i], sweep.dir, environment, context));
    } catch (const Error& error) {
      code = error.code();
      add_complaints(points[i].name, error, complaints);
    }
  }
  if (!complaints.empty()) throw Error(code, std::move(complaints));
  return sweep;
}

/// A member's plan under the name of the job, which may hold less than that of a directory.
Plan as_job(const Sweep& sweep, const Member& member) {
  Plan plan = member.plan;
  plan.name = directive_name(sweep.name);
  return plan;
}

/// `open`: those that are not finished.
void check_members(const Sweep& sweep, const std::vector<const Member*>& open, bool ask, Desk& desk) {
  std::vector<Complaint> complaints;
  const Member& first = sweep.members.front();
  if (!open.empty()) check_array(first.input.resolved, {open.front()->index, std::ssize(open)}, complaints);
  for (const Member& member : sweep.members) {
    try {
      if (&member == &first)
        check(member.input, as_job(sweep, member), ask, desk);  // queue and dependencies are of the job that all of them share
      else
        check_run(member.input, member.plan);
    } catch (const Error& error) {
      add_complaints(member.name, error, complaints);
    }
    if (member.plan.hosts.size() != first.plan.hosts.size())
      complaints.push_back({fmt::format("member '{}' needs {} nodes and '{}' needs {}: the jobs of one array are alike", member.name,
                                        member.plan.hosts.size(), first.name, first.plan.hosts.size()),
                            {},
                            {},
                            "a submit of its own for each"});
  }
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
}

/// No more members at once than the queue takes, unless job.array says so.
void go_in_turns(Sweep& sweep, const std::vector<const Member*>& open, Desk& desk) {
  const Config& config = sweep.members.front().plan.config;
  const QueueLimits* queue = find_queue(config.machine, queue_of(config));
  const int64_t members = std::ssize(open), most = queue != nullptr ? queue->array_at_once : 0;
  const int64_t together = sweep.at_once > 0 ? std::min(sweep.at_once, members) : members;
  if (most == 0 || together <= most) return;
  const bool said = sweep.at_once > 0;
  if (!said) sweep.at_once = most;
  desk.warnings.push_back(fmt::format("queue '{}' takes {} of an array's members at once, and {}", queue->name, most,
                                      said ? fmt::format("job.array lets {} go together: the server may refuse them", together)
                                           : fmt::format("the sweep has {}: the others go in their turn", members)));
}

bool finished(const Member& member) { return read_record(RunPaths(member.plan.dir).record()).finished(member.plan.steps); }

/// Those that are neither finished nor, where the scheduler may be asked, waiting or running.
std::vector<const Member*> open_members(const Sweep& sweep, bool ask, Desk& desk) {
  std::vector<const Member*> open;
  std::map<std::string, const Member*> newest;
  for (const Member& member : sweep.members) {
    if (finished(member)) continue;
    open.push_back(&member);
    if (!ask) continue;
    const JobHistory history = read_job_history(RunPaths(member.plan.dir).events());
    if (!history.jobs.empty()) newest[history.jobs.back().id] = &member;
  }
  std::vector<std::string> ids;
  for (const auto& [id, member] : newest) ids.push_back(id);
  for (const auto& [id, job] : desk.scheduler->status(ids))
    if (!job.end && newest.contains(id)) std::erase(open, newest[id]);
  return open;
}

std::string script_of(const Sweep& sweep, const Member& member, const Desk& desk) {
  Plan plan = member.plan;
  plan.name = directive_name(sweep.name + "." + member.name);
  return job_script(plan, desk.request);
}

std::string array_script(const Sweep& sweep, const std::vector<const Member*>& open, const Desk& desk) {
  Plan plan = as_job(sweep, *open.front());
  plan.dir = sweep.dir.string();
  JobRequest request = desk.request;
  request.array = fmt::format("0-{}", open.size() - 1);
  if (sweep.at_once > 0) request.array += fmt::format("%{}", sweep.at_once);
  return job_script(plan, request);
}

/// A member's own script queues it alone, as the next job of its chain does: what the sweep waited for is over then.
void write_members(const Sweep& sweep, const std::vector<const Member*>& open, Desk& desk) {
  const std::vector<std::string> depends = std::exchange(desk.request.depends, {});
  const GitState git = git_state(desk.environment);
  for (const Member* member : open) {
    const RunDir locked(member->plan.dir);
    write_job_files(member->plan, script_of(sweep, *member, desk), git);
  }
  desk.request.depends = depends;
}

json members_json(const Sweep& sweep, const std::vector<const Member*>& open, const std::vector<std::string>& ids, const Desk& desk) {
  json list = json::array(), more = facts(open.front()->plan, desk);
  for (size_t i = 0; i < open.size(); ++i)
    list.push_back({{"run", sweep.name + "/" + open[i]->name}, {"job_id", ids[i]}, {"dir", open[i]->plan.dir}});
  more["members"] = list;
  return more;
}

void tell(const Sweep& sweep, const std::vector<const Member*>& open, Context& context) {
  const std::string name = printable(shell_quoted(sweep.name));
  context.talk().print("Queued {} of {} members of {}. Next:\n  llmrun status\n  llmrun tail {}/{}\n  llmrun cancel {}\n", open.size(),
                       sweep.members.size(), name, name, printable(shell_quoted(open.front()->name)), name);
}

void queue_alone(const Sweep& sweep, const Member& member, Desk& desk, Context& context) {
  const RunOfJob run = sweep.run_of(member, desk);
  const RunDir locked(member.plan.dir);
  const JobHistory history = settled_history(run, *desk.scheduler, std::time(nullptr));
  refuse_a_second(run, history, *desk.scheduler);
  write_job_files(member.plan, script_of(sweep, member, desk), git_state(desk.environment));
  const QueuedJob job = queue_job(run, history, "", *desk.scheduler, std::time(nullptr));
  print_queued(job, members_json(sweep, {&member}, {job.id}, desk), context);
}

bool is_among(const std::vector<QueuedJob>& jobs, const std::string& id) {
  return std::any_of(jobs.begin(), jobs.end(), [&](const QueuedJob& job) { return job.id == id; });
}

/// Writes down whose elements an array has, in each member's events and in the user's list: what is there already stays as it is.
void write_down_elements(const QueuedJob& array, const Desk& desk) {
  const std::vector<QueuedJob> listed = read_jobs(desk.list);
  const auto list = [&](const QueuedJob& job) {
    if (!desk.list.empty() && !is_among(listed, job.id)) append_job(desk.list, job);
  };
  std::ifstream members(members_file(array.dir));
  size_t index = 0;
  for (std::string name; std::getline(members, name); ++index) {
    const fs::path dir = fs::path(array.dir) / name, events = RunPaths(dir).events();
    const QueuedJob element{element_id(array.id, index), array.scheduler, array.run + "/" + name, dir.string(), array.submitted};
    if (!read_job_history(events).knows(element.id)) append_job(events, element);
    list(element);
  }
  list(array);  // behind its elements: "last" is the sweep
}

/// What is known of the sweep's arrays. Whoever died while the newest one was written down left that unfinished.
JobHistory settled_arrays(const Sweep& sweep, Desk& desk) {
  JobHistory history = settled_history({sweep.name, sweep.dir, {}}, *desk.scheduler, std::time(nullptr));
  if (!history.jobs.empty() && !is_among(desk.jobs, history.jobs.back().id)) write_down_elements(history.jobs.back(), desk);
  return history;
}

void queue_array(const Sweep& sweep, const std::vector<const Member*>& open, const JobHistory& history, Desk& desk, Context& context) {
  const QueuedJob job = queue_job({sweep.name, sweep.dir, {}}, history, "", *desk.scheduler, std::time(nullptr));
  write_down_elements(job, desk);
  std::vector<std::string> ids;
  for (size_t i = 0; i < open.size(); ++i) ids.push_back(element_id(job.id, i));
  print_queued(job, members_json(sweep, open, ids, desk), context);
}

}  // namespace

void submit_sweep(const SubmitOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  Sweep sweep = plan_sweep(options, environment, context);
  Desk desk = make_desk(sweep.members.front().plan.config, environment);
  const bool ask = options.dry_run != "client";
  std::vector<const Member*> open = open_members(sweep, /*ask=*/false, desk);
  check_members(sweep, open, ask, desk);
  go_in_turns(sweep, open, desk);
  if (open.empty()) return context.talk().print("{} is finished: all of its {} members\n", printable(sweep.name), sweep.members.size());
  if (!ask) {
    warn(open.front()->plan, desk, context);
    const std::string script = open.size() == 1 ? script_of(sweep, *open.front(), desk) : array_script(sweep, open, desk);
    return print_script(sweep.name, sweep.dir, script, facts(open.front()->plan, desk), context);
  }

  const RunDir locked(sweep.dir);
  const JobHistory history = settled_arrays(sweep, desk);
  refuse_a_second({sweep.name, sweep.dir, {}}, history, *desk.scheduler);
  open = open_members(sweep, /*ask=*/true, desk);
  if (open.empty()) return context.talk().print("Every member of {} that is not finished is queued already\n", printable(sweep.name));
  write_members(sweep, open, desk);
  std::string members;
  for (const Member* member : open) members += member->name + "\n";
  RunDir::write(members_file(sweep.dir), members);
  warn(open.front()->plan, desk, context);
  const RunPaths paths(sweep.dir);
  if (open.size() > 1) RunDir::write(paths.job_script(), array_script(sweep, open, desk), RunDir::FileKind::script);
  if (options.dry_run == "server")
    return ask_the_server(open.size() > 1 ? paths.job_script() : RunPaths(open.front()->plan.dir).job_script(),
                          facts(open.front()->plan, desk), *desk.scheduler, context);
  if (open.size() > 1)
    queue_array(sweep, open, history, desk, context);
  else
    queue_alone(sweep, *open.front(), desk, context);
  if (!context.json) tell(sweep, open, context);
}

}  // namespace llmrun::cli
