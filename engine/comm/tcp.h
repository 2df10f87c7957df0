#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"

namespace llmrun {

/// Ranks as processes that talk over sockets of their own: works under any launcher, needs no MPI. Each rank listens on an ephemeral
/// port of one address (own_address), says so through the rendezvous, and connects to every rank below it. A connection opens with a
/// token from the rendezvous; one that does not is closed. Collective over the ranks of the rendezvous.
std::shared_ptr<Communicator> make_tcp_world(Rendezvous& rendezvous);

}  // namespace llmrun
