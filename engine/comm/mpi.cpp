#include "engine/comm/mpi.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "engine/comm/module.h"
#include "engine/core/error.h"

namespace llmrun {

MpiLaunch mpi_launch() {
  const Module module = open_module("llmrun_mpi");
  if (!module.handle) return {0, module.missing};
  const char* variable = reinterpret_cast<const char* (*)()>(module.function("llmrun_mpi_size_variable"))();
  const char* text = std::getenv(variable);
  MpiLaunch launch;
  if (text) std::from_chars(text, text + std::strlen(text), launch.size);
  if (launch.size == 0) launch.why_not = fmt::format("its launcher did not start this process ({} is not set)", variable);
  return launch;
}

std::shared_ptr<Communicator> make_mpi_world() {
  const Module module = open_module("llmrun_mpi");
  if (!module.handle) {
    throw Error(Exit::preflight, "communicator 'mpi' cannot be had: {}", module.missing)
        .hint("take the sockets that need no MPI: --set parallel.communicator=tcp");
  }
  const auto make = reinterpret_cast<Communicator* (*)()>(module.function("llmrun_make_mpi_world"));
  return std::shared_ptr<Communicator>(make());
}

}  // namespace llmrun
