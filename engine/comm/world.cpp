#include "engine/comm/world.h"

#include <fmt/format.h>

#include "engine/comm/mpi.h"
#include "engine/comm/nccl.h"
#include "engine/comm/tcp.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

void check_size(const Identity& identity, int plan_ranks) {
  if (identity.size == plan_ranks) return;
  throw Error(Exit::preflight, "the plan has {} ranks, and the launcher started {}", plan_ranks, identity.size)
      .hint("start it with the launch line that the plan was rendered into, or plan again with --ranks {}", identity.size);
}

Identity launched_identity(int plan_ranks) {
  Identity identity = identity_from_environment();
  if (identity.size == 0) identity.size = plan_ranks;
  return identity;
}

World make_mpi(int plan_ranks, std::string why) {
  World world{make_mpi_world(), launched_identity(plan_ranks), "mpi", std::move(why)};
  world.identity.rank = world.comm->rank();
  world.identity.size = world.comm->size();
  return world;
}

/// What an `auto` on CPUs becomes, and why.
std::pair<CommunicatorKind, std::string> choose_for_cpu(int plan_ranks) {
  const MpiLaunch launch = mpi_launch();
  if (launch.size == 0) return {CommunicatorKind::tcp, fmt::format("communicator tcp: no mpi, {}", launch.why_not)};
  if (launch.size != plan_ranks) {
    return {CommunicatorKind::tcp,
            fmt::format("communicator tcp: MPI's launcher started {} of the plan's {} ranks", launch.size, plan_ranks)};
  }
  return {CommunicatorKind::mpi, fmt::format("communicator mpi: its launcher started all {} ranks", plan_ranks)};
}

World make_by_rendezvous(CommunicatorKind kind, int plan_ranks, const std::string& meeting_file, const TakeGpu& take_gpu, std::string why) {
  const auto rendezvous = make_rendezvous(meeting_file, plan_ranks);
  World world{nullptr, rendezvous->identity(), kind == CommunicatorKind::nccl ? "nccl" : "tcp", std::move(why)};
  check_size(world.identity, plan_ranks);
  if (take_gpu) take_gpu(world.identity);
  world.comm = kind == CommunicatorKind::nccl ? make_nccl_world(*rendezvous) : make_tcp_world(*rendezvous);
  world.comm->barrier();  // all are wired: the rendezvous may go
  world.why += fmt::format(", met by {}", rendezvous->name());
  return world;
}

}  // namespace

World make_world(CommunicatorKind wanted, int plan_ranks, const std::string& meeting_file, const TakeGpu& take_gpu) {
  if (wanted == CommunicatorKind::thread) {
    throw Error(Exit::preflight, "communicator 'thread' holds all ranks in one process, and this one was launched as one of several");
  }
  const Identity launched = launched_identity(plan_ranks);
  if (plan_ranks == 1) {
    check_size(launched, plan_ranks);
    if (take_gpu) take_gpu(launched);
    return {make_solo("world", Purpose::control), launched, "none", "communicator none: one rank"};
  }
  CommunicatorKind kind = wanted;
  std::string why = "communicator as configured";
  if (wanted == CommunicatorKind::automatic) {
    std::tie(kind, why) =
        take_gpu ? std::pair{CommunicatorKind::nccl, std::string("communicator nccl: ranks compute on GPUs")} : choose_for_cpu(plan_ranks);
  }
  if (kind != CommunicatorKind::mpi) return make_by_rendezvous(kind, plan_ranks, meeting_file, take_gpu, std::move(why));

  World world = make_mpi(plan_ranks, std::move(why));
  const int mpi_ranks = world.comm->size();
  if (mpi_ranks == plan_ranks) {
    if (take_gpu) take_gpu(world.identity);
    return world;
  }
  if (wanted == CommunicatorKind::mpi) {
    throw Error(Exit::preflight, "the plan has {} ranks, and MPI's world {}", plan_ranks, mpi_ranks)
        .because("this MPI is not the one whose launcher started the ranks")
        .hint("take the sockets that need no MPI: --set parallel.communicator=tcp");
  }
  world.comm.reset();
  return make_by_rendezvous(CommunicatorKind::tcp, plan_ranks, meeting_file, take_gpu,
                            fmt::format("communicator tcp: MPI's world has {} of the plan's {} ranks", mpi_ranks, plan_ranks));
}

}  // namespace llmrun
