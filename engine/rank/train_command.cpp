#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <signal.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "engine/comm/thread.h"
#include "engine/comm/world.h"
#include "engine/core/error_report.h"
#include "engine/core/run_paths.h"
#include "engine/core/stop_report.h"
#include "engine/core/system_error.h"
#include "engine/observe/rank_log.h"
#include "engine/rank/commands.h"
#include "engine/rank/device.h"
#include "engine/rank/fault.h"
#include "engine/rank/parent.h"
#include "engine/rank/shared_plan.h"
#include "engine/train/trainer.h"

namespace llmrun::rank {
namespace {

std::atomic<int> asked_to_stop{0};  // a signal handler reaches nothing but globals

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { asked_to_stop = signal; };
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaction(signal, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no further is an error of write, and told as one
}

int attempt_from_environment() {
  const char* text = std::getenv("LLMRUN_ATTEMPT");
  int attempt = 1;
  if (text != nullptr && std::from_chars(text, text + std::strlen(text), attempt).ec != std::errc{})
    throw Error(Exit::usage, "LLMRUN_ATTEMPT '{}' is not a number", text).hint("unset LLMRUN_ATTEMPT");
  return attempt;
}

/// LLMRUN_STOP_AT, seconds since 1970, on the clock that nobody sets.
/// REQUIRES the host whose clock gave it, or one as right: rank 0 stops all ranks, and a host whose clock is wrong stops none.
std::optional<std::chrono::steady_clock::time_point> stop_at_from_environment() {
  const char* text = std::getenv("LLMRUN_STOP_AT");
  if (text == nullptr) return std::nullopt;
  int64_t seconds = 0;
  if (std::from_chars(text, text + std::strlen(text), seconds).ec != std::errc{})
    throw Error(Exit::usage, "LLMRUN_STOP_AT '{}' is not a number of seconds", text).hint("unset LLMRUN_STOP_AT");
  const auto left = std::chrono::system_clock::time_point(std::chrono::seconds(seconds)) - std::chrono::system_clock::now();
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(left);
}

/// Launchers kill every process when the first one leaves with an error. Whoever saw another rank die, and knows of which signal, may be
/// slower to say so than a rank that only lost its connection is to leave.
constexpr std::chrono::milliseconds kLastWords{500};

/// One rank from its world to its exit code. An error becomes a report, and frees every other rank from what it may be waiting for.
Exit run_rank(const Plan& plan, std::shared_ptr<Communicator> world, int local_rank, int attempt, const std::string& how) {
  const RunPaths paths(plan.dir);
  const int rank = world->rank();
  const auto log = make_rank_log(paths.rank_log(attempt, rank), rank);
  const std::optional<Fault> fault = fault_from_environment();
  const auto stop_at = rank == 0 ? stop_at_from_environment() : std::nullopt;
  std::string section = "start";
  if (rank == 0) log->info("{}", how);
  try {
    const at::NoGradGuard no_grad;
    const at::Device device = prepare_device(device_needs(plan), local_rank);
    at::set_num_threads(static_cast<int>(plan.threads));
    world->compare_calls(plan.config.parallel.check_collectives);
    const Mesh mesh(world, plan.layout, plan.model.kv_heads, shard_ranks(plan.layout, plan.config.parallel));
    const Exit exit = train(plan, mesh, {attempt, log, device, &asked_to_stop, stop_at, [&](const char* name, int64_t step) {
                                           section = fmt::format("{}, step {}", name, step);
                                           maybe_fail(fault, rank, name, step);
                                         }});
    if (exit != Exit::done && rank == 0) write_stop_report(paths.stopped(attempt), exit);
    // mpirun kills every rank a second after the first one that does not end with 0: none leaves before all have finished their save.
    if (exit != Exit::done) world->barrier();
    return exit;
  } catch (const std::exception& caught) {
    const Error error = as_error(caught);
    log->error("{} ({})", error.what(), section);
    write_error_report(paths.rank_error(attempt, rank), rank, error, section);
    world->abort();
    std::this_thread::sleep_for(kLastWords);
    return error.code();
  }
}

/// All ranks as threads of this process: tests and debuggers.
int run_threads(const Plan& plan, int attempt) {
  const auto worlds = make_thread_world(static_cast<int>(plan.ranks()));
  std::vector<Exit> exits(worlds.size(), Exit::failed);
  std::vector<std::thread> threads;
  const std::string how = fmt::format("{} ranks as threads of one process", plan.ranks());
  for (size_t rank = 0; rank < worlds.size(); ++rank)
    threads.emplace_back([&, rank] { exits[rank] = run_rank(plan, worlds[rank], static_cast<int>(rank), attempt, how); });
  for (std::thread& thread : threads) thread.join();
  for (Exit exit : exits)
    if (exit != Exit::done) return static_cast<int>(exit);
  return 0;
}

/// The rank's place on its node; the plan knows it where the launcher is silent.
int local_rank_of(const Identity& identity, const Plan& plan) {
  std::vector<int64_t> hosts;
  for (const PlanHost& host : plan.hosts) hosts.push_back(host.slots);
  return completed(identity, hosts).local_rank;
}

/// A rank that its GPU refuses ends before there is a world, and is heard all the same.
void take_gpu_or_report(const Plan& plan, const Identity& identity, int attempt) try {
  prepare_device(device_needs(plan), local_rank_of(identity, plan));
} catch (const std::exception& caught) {
  write_error_report(RunPaths(plan.dir).rank_error(attempt, identity.rank), identity.rank, as_error(caught), "start");
  throw;
}

int run_process(const Plan& plan, int attempt) {
  TakeGpu take_gpu;
  if (plan.device == Device::cuda) take_gpu = [&](const Identity& identity) { take_gpu_or_report(plan, identity, attempt); };
  const World world = make_world(plan.communicator, static_cast<int>(plan.ranks()), RunPaths(plan.dir).meeting(attempt).string(), take_gpu);
  const Exit exit = run_rank(plan, world.comm, local_rank_of(world.identity, plan), attempt, world.why);
  // After a failure the other ranks may be gone: nothing that could wait for them runs any more.
  if (exit != Exit::done) std::_Exit(static_cast<int>(exit));
  return 0;
}

int train_plan(const std::string& path) {
  const int attempt = attempt_from_environment();
  const SharedPlan shared = share_plan(path);
  const Plan& plan = shared.plan;
  stop_on_signals();
  std::error_code none;
  if (std::filesystem::exists(RunPaths(plan.dir).stop_request(attempt), none)) asked_to_stop = SIGTERM;  // before this rank began
  if (std::getenv("LLMRUN_LAUNCHER") != nullptr) end_with_parent();  // a rank started by hand may outlive its shell
  return plan.communicator == CommunicatorKind::thread ? run_threads(plan, attempt) : run_process(plan, attempt);
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto plan = std::make_shared<std::string>();
  app.add_option("--plan", *plan, "plan.json of the run directory (absolute); every rank is started with the same one");
  app.callback([=, &app, &exit_code] {
    if (!app.get_subcommands().empty()) return;
    if (plan->empty())
      throw Error(Exit::usage, "llmrun-rank needs a plan or a command").hint("llmrun-rank --plan outputs/my-run/plan.json");
    exit_code = train_plan(*plan);
  });
}

}  // namespace llmrun::rank
