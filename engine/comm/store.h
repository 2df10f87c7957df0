#pragma once
#include <memory>

#include "engine/comm/rendezvous.h"

namespace llmrun {

/// A rendezvous over LibTorch's TCPStore, which rank 0 serves. identity.size > 1. The store knows no authorisation, so it listens on
/// one address only, on an ephemeral port, and lives as short as the wiring does.
std::unique_ptr<Rendezvous> make_store_rendezvous(const Identity& identity, const std::string& meeting_file);

}  // namespace llmrun
