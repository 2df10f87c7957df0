#pragma once
#include <memory>
#include <string>

#include "engine/comm/communicator.h"

namespace llmrun {

/// The MPI of the module llmrun_mpi, as far as it can be told without starting it.
struct MpiLaunch {
  int size = 0;         // the world that this MPI's own launcher gave this process; 0: it did not start it
  std::string why_not;  // why size is 0
};
MpiLaunch mpi_launch();

/// Starts MPI and gives its world, whatever its size: the caller compares that with the plan. Throws Error(Exit::preflight) when the module
/// or MPI is not there. MPI is finalised with the last communicator, unless the world was aborted. One thread of the process calls it.
std::shared_ptr<Communicator> make_mpi_world();

}  // namespace llmrun
