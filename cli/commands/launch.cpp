#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/plan_options.h"
#include "cli/ui/banner.h"
#include "cli/ui/run_screen.h"
#include "launcher/launch/port_claim.h"
#include "launcher/launch/program_launch.h"
#include "launcher/launch/run_attempt.h"
#include "launcher/plan/make_plan.h"
#include "launcher/profile/layers.h"
#include "launcher/render/shell.h"
#include "launcher/report/run_history.h"
#include "launcher/rundir/log_name.h"
#include "launcher/scheduler/queued_job.h"

namespace llmrun::cli {
namespace {

struct LaunchOptions {
  std::vector<std::string> sets;
  std::optional<int64_t> ranks, ranks_per_node;
  std::optional<std::string> hostfile;
  bool dry_run = false;
};

PlanInput placement_input(const LaunchOptions& options, const Variables& environment, Context& context) {
  Sources sources = sources_here("", options.sets);
  sources.trains = false;  // the knobs in the environment may be the program's
  if (options.ranks_per_node) sources.sets.push_back(fmt::format("job.ranks_per_node={}", *options.ranks_per_node));
  PlanInput input = look_around(read_config(sources), options.hostfile, options.ranks, Intent::start, environment);
  tell_notes(input, context);
  return input;
}

/// What a run says before its first line, in the words that users of the ALCF scripts look for.
void tell_start(const PlanInput& input, const Launch& launch, const Attempt& attempt, std::time_t now, Context& context) {
  std::string text;
  const auto say = [&](std::string_view line) { text += printable(line) + "\n"; };
  if (!input.allocation.hostfile.empty()) say("Using HOSTFILE: " + input.allocation.hostfile);
  say(fmt::format("NHOSTS: {}", launch.hosts.size()));
  if (input.node.gpus > 0) {
    say(fmt::format("NGPU_PER_HOST: {}", input.node.gpus));
    say(fmt::format("NGPUS: {}", input.node.gpus * static_cast<int64_t>(launch.hosts.size())));
  }
  say(fmt::format("NRANKS: {}, at most {} a host", launch.ranks(), launch.ranks_per_node));
  say(fmt::format("Job started at: {} on {}", compact_time(now), short_host_name()));
  context.talk().write(text + output_lines(input.directory, launch.dir, attempt.log));
}

/// Other programs than ours may share GPUs, but those who meant a rank a GPU want to know.
void tell_shared_gpus(const PlanInput& input, const Launch& launch, Context& context) {
  const int64_t gpus = input.node.gpus;
  if (gpus > 0 && launch.ranks_per_node > gpus)
    context.talk().print("llmrun: warning: {} ranks share the {} GPU{} of a host; a rank a GPU: --ranks-per-node {}\n",
                         launch.ranks_per_node, gpus, gpus == 1 ? "" : "s", gpus);
}

/// What the ranks print is the command's data, byte for byte; with --json that is the word about the end.
ConsoleStyle screen(Context& context) {
  ConsoleStyle style = run_screen(context.json ? context.talk() : context.out());
  style.terminal = false;
  if (!context.json) style.harmless = [](std::string_view text) { return std::string(text); };
  return style;
}

/// The launch of these words with its run directory at `dir`.
Launch launch_in(const std::filesystem::path& dir, const PlanInput& input, const Context& context) {
  return program_launch(input, context.program, std::filesystem::read_symlink("/proc/self/exe").string(), short_host_name(), dir);
}

void dry_run(const PlanInput& input, const Variables& environment, Context& context) {
  Launch launch = launch_in(run_place(input, context.program[0]).dir, input, context);
  tell_shared_gpus(input, launch, context);
  set_meeting_point(launch, 0);  // its names stand on the line, its values do not
  const std::vector<std::string> argv = prepare(launch, choose_launcher(launch, environment), environment).processes.at(0).argv;
  if (!context.json) return context.out().print("{}\n", shell_line(argv));
  json hosts = json::array();
  for (const PlanHost& host : launch.hosts) hosts.push_back({{"name", host.name}, {"slots", host.slots}});
  const json shown{{"version", 1}, {"ranks", launch.ranks()}, {"hosts", hosts}, {"gpus_per_node", input.node.gpus}, {"argv", argv}};
  context.out().print("{}\n", shown.dump(2, ' ', false, json::error_handler_t::replace));
}

void start(const PlanInput& input, const Variables& environment, Context& context) {
  const std::time_t now = std::time(nullptr);
  check_processes(launch_in(run_place(input, context.program[0]).dir, input, context), most_processes());  // before anything is made
  outlive_readers();
  const RunPlace place = make_run_place(input, context.program[0], now);
  Launch launch = launch_in(place.dir, input, context);
  const PortClaim port;
  set_meeting_point(launch, port.port());
  std::shared_ptr<Launcher> launcher = choose_launcher(launch, environment);
  RunDir run(place.dir);
  run.describe(place.name, LLMRUN_VERSION, environment, context.program);
  std::string warning;
  const auto hosts = static_cast<int64_t>(launch.hosts.size());
  const std::string log = log_name(user_name(), short_host_name(), hosts, launch.ranks(), now);
  const Attempt attempt = run.begin_attempt(log, launch.ranks(), now, warning, batch_job_id(environment));
  append_launch(job_list_file(environment), place.name, launch.dir, attempt.start);
  Prepared prepared = prepare(launch, launcher, environment, {attempt.number, attempt.id});
  write_launch_files(run, prepared, environment);
  tell_start(input, launch, attempt, now, context);
  tell_shared_gpus(input, launch, context);
  if (!warning.empty()) context.talk().print("llmrun: warning: {}\n", printable(warning));
  context.talk().failed();

  const AttemptOutcome outcome = run_attempt(run, launch, attempt, prepared, screen(context), {});
  if (outcome.failure) {
    const bool it_spoke = outcome.failure->rank && !outcome.failure->last_lines.empty();
    const std::string rank = it_spoke ? fmt::format(" -r {}", *outcome.failure->rank) : "";
    tell_failure(
        *outcome.failure,
        fmt::format("llmrun tail {}{} -n 100 shows what {} before", shell_quoted(place.name), rank, it_spoke ? "it said" : "was said"),
        context);
  }
  context.set_exit(outcome.exit_code);
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"run", place.name}, {"dir", launch.dir}, {"exit", outcome.exit_code}}.dump(2));
}

void launch(const LaunchOptions& options, Context& context) {
  if (context.program.empty())
    throw Error(Exit::usage, "launch needs a program behind '--'").hint("llmrun launch --ranks 2 -- python3 train.py");
  const Variables environment = Variables::of_this_process();
  const PlanInput input = placement_input(options, environment, context);
  options.dry_run ? dry_run(input, environment, context) : start(input, environment, context);
}

}  // namespace

void add_launch(CLI::App& app, Context& context) {
  auto options = std::make_shared<LaunchOptions>();
  auto* command = app.add_subcommand("launch", "Run any program on every rank, here or in the allocation this shell is in");
  command->add_option("-n,--ranks", options->ranks, "Ranks in all; default: one a GPU, a slot of the hostfile, or one a host")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--ranks-per-node,--ppn", options->ranks_per_node, "Ranks on each host")->type_name("P")->check(CLI::Range(1, 4096));
  add_hostfile_option(*command, options->hostfile);
  command->add_option("--set", options->sets, "Set a key of the configuration: machine, job.*, run.name, run.dir (repeat it for more)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--dry-run", options->dry_run, "Print the launch line; start and write nothing");
  command->footer(
      "PROGRAM gets its words as they are. It finds RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its "
      "environment, and sees the one GPU that machine.node.affinity gives it; for one that picks the LOCAL_RANK-th itself: --set "
      "machine.node.affinity=none. Its output is this command's, and its first bad exit code too.\n"
      "Examples:\n  llmrun launch --ranks 4 -- python3 train.py --epochs 3\n  llmrun launch --ranks-per-node 2 --hostfile hosts -- "
      "./a.out");
  command->callback([=, &context] { launch(*options, context); });
}

}  // namespace llmrun::cli
