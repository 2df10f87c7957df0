#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/comm/message_port.h"

namespace llmrun {

/// A Communicator on top of a MessagePort: what tcp and mpi share. Collectives are those of message_collectives.h.
std::unique_ptr<Communicator> make_message_communicator(std::unique_ptr<MessagePort> port, std::string name, Purpose purpose);

}  // namespace llmrun
