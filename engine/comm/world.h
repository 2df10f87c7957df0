#pragma once
#include <functional>
#include <memory>
#include <string>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// This process's place among all ranks of the run, and the way to talk to them. A rank that fails calls comm->abort() before it leaves.
struct World {
  std::shared_ptr<Communicator> comm;
  Identity identity;
  std::string kind;  // "nccl", "mpi", "tcp"; "none" for a world of one, which opens nothing
  std::string why;   // one line for the log: what was chosen and why
};

/// Makes a rank's GPU current, by its place on the node: called before a communicator is made. Empty: ranks compute on CPUs.
using TakeGpu = std::function<void(const Identity&)>;

/// Wires the processes of one launch; collective over them. `automatic` takes nccl when the ranks compute on GPUs; else mpi when this
/// MPI's own launcher started all of plan_ranks; else tcp. Error(Exit::preflight) when the launch has another number of ranks than the
/// plan, or an explicit mpi has a world of another size (never two worlds of one). `thread` is one process and is refused here.
World make_world(CommunicatorKind wanted, int plan_ranks, const std::string& meeting_file, const TakeGpu& take_gpu = {});

}  // namespace llmrun
