#include "engine/rank/probe.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <thread>

#include "engine/comm/gpu.h"
#include "engine/comm/thread.h"
#include "engine/core/file.h"
#include "engine/core/system_error.h"
#include "engine/rank/device.h"
#include "engine/rank/parent.h"

namespace llmrun::rank {
namespace {

using Measure = std::function<ProbeResult(const Probe&)>;

Device device_of(const ProbeOptions& options) {
  if (options.device) return *options.device;
  const bool host_only = options.communicator == CommunicatorKind::mpi || options.communicator == CommunicatorKind::tcp;
  return !host_only && has_gpu_driver() && visible_gpus().count > 0 ? Device::cuda : Device::cpu;
}

DeviceNeeds needs_of(const ProbeOptions& options, Device device) {
  DeviceNeeds needs;
  needs.device = device;
  needs.precision = Precision::fp32;
  needs.affinity = options.affinity;
  return needs;
}

void say(const ProbeOptions& options, const std::string& text) {
  if (!options.out.empty()) return write_file_atomically(options.out, text);
  fmt::print("{}", text);
}

Exit run_rank(const ProbeOptions& options, Communicator& world, const Identity& identity, const std::string& kind, const std::string& why,
              at::Device device, const Measure& measure) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  try {
    const ProbeResult result = measure({world, identity, kind, why, device});
    if (world.rank() == 0) say(options, result.text);
    world.barrier();  // mpirun ends every rank a second after the first that does not end with 0
    return result.exit;
  } catch (const std::exception& caught) {
    const Error error = as_error(caught);
    fmt::print(stderr, "llmrun: rank {}: {}\n", world.rank(), error.what());
    world.abort();
    return error.code();
  }
}

int run_threads(const ProbeOptions& options, const Measure& measure) {
  const auto worlds = make_thread_world(options.ranks);
  const std::string why = fmt::format("{} ranks as threads of one process", options.ranks);
  std::vector<Exit> exits(worlds.size(), Exit::failed);
  std::vector<std::thread> threads;
  const Device kind = device_of(options);
  for (size_t i = 0; i < worlds.size(); ++i)
    threads.emplace_back([&, i] {
      const int rank = static_cast<int>(i);
      const at::Device device = prepare_device(needs_of(options, kind), rank);
      exits[i] = run_rank(options, *worlds[i], {rank, options.ranks, rank, options.ranks}, "thread", why, device, measure);
    });
  for (std::thread& thread : threads) thread.join();
  for (const Exit exit : exits)
    if (exit != Exit::done) return static_cast<int>(exit);
  return 0;
}

int run_process(const ProbeOptions& options, const Measure& measure) {
  const Device kind = device_of(options);
  at::Device device = at::kCPU;
  TakeGpu take_gpu;
  if (kind == Device::cuda)
    take_gpu = [&](const Identity& identity) { device = prepare_device(needs_of(options, kind), identity.local_rank); };
  const World world = make_world(options.communicator, options.ranks, options.meeting, take_gpu);
  const Exit exit = run_rank(options, *world.comm, world.identity, world.kind, world.why, device, measure);
  // After a failure the other ranks may be gone: nothing that could wait for them runs any more.
  if (exit != Exit::done) std::_Exit(static_cast<int>(exit));
  return 0;
}

}  // namespace

void add_probe_options(CLI::App& command, ProbeOptions& options) {
  const std::map<std::string, CommunicatorKind> communicators{{"auto", CommunicatorKind::automatic},
                                                              {"nccl", CommunicatorKind::nccl},
                                                              {"mpi", CommunicatorKind::mpi},
                                                              {"tcp", CommunicatorKind::tcp},
                                                              {"thread", CommunicatorKind::thread}};
  const std::map<std::string, Device> devices{{"cpu", Device::cpu}, {"cuda", Device::cuda}};
  command.add_option("--ranks", options.ranks, "Ranks in all")->capture_default_str()->check(CLI::Range(1, 1 << 20));
  command.add_option("--communicator", options.communicator, "auto, nccl, mpi, tcp, or thread for all ranks in this process")
      ->transform(CLI::CheckedTransformer(communicators));
  command.add_option("--device", options.device, "cpu or cuda; without it cuda where a GPU answers")
      ->transform(CLI::CheckedTransformer(devices));
  command.add_option("--affinity", options.affinity, "Which GPU a local rank takes: none, linear, reversed");
  command.add_option("--meeting", options.meeting, "File through which ranks find each other where no PMIx answers")->type_name("FILE");
  command.add_option("--out", options.out, "File for the result; default: stdout")->type_name("FILE");
}

int run_probe(const ProbeOptions& options, const Measure& measure) {
  if (std::getenv("LLMRUN_LAUNCHER") != nullptr) end_with_parent();
  return options.communicator == CommunicatorKind::thread ? run_threads(options, measure) : run_process(options, measure);
}

}  // namespace llmrun::rank
