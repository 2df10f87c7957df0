#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "engine/comm/world.h"
#include "engine/core/plan.h"

namespace llmrun::rank {

/// What a launch tells a rank that measures, where a plan tells one that trains.
struct ProbeOptions {
  int ranks = 1;
  CommunicatorKind communicator = CommunicatorKind::automatic;
  std::optional<Device> device;  // empty: cuda where a GPU answers
  std::string affinity;          // as machine.node.affinity
  std::string meeting;           // where ranks find each other without PMIx; on a file system that all hosts see
  std::string out;               // a file for what rank 0 says; empty: stdout
};
void add_probe_options(CLI::App& command, ProbeOptions& options);

/// A rank that measures, as what it measures sees it.
struct Probe {
  Communicator& world;
  Identity identity;
  std::string kind;  // of the communicator: "mpi", "thread"
  std::string why;   // and why that one
  at::Device device;
};

/// What rank 0 has to say (the others' text is dropped), and how the rank ends.
struct ProbeResult {
  std::string text;
  Exit exit = Exit::done;
};

/// Wires the ranks, as processes of a launch or as threads of this process, and runs `measure` on each. A rank that throws frees the
/// others and says why on stderr. The exit code of this process.
int run_probe(const ProbeOptions& options, const std::function<ProbeResult(const Probe&)>& measure);

}  // namespace llmrun::rank
