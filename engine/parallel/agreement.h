#pragma once
#include <string>

#include "engine/comm/mesh.h"

namespace llmrun {

// Small things that every rank of the mesh must see alike. Collective over the world, counted as control. `device` is where the
// world's communicator takes tensors from.

bool all_agree(const Mesh& mesh, bool ok, at::Device device);
/// What rank 0 says, whatever the others think: clocks and directories differ.
bool rank_0_says(const Mesh& mesh, bool mine, at::Device device);
std::string rank_0_text(const Mesh& mesh, const std::string& mine, at::Device device);
/// What the first rank says that says anything; empty: none does.
std::string first_text(const Mesh& mesh, const std::string& mine, at::Device device);

}  // namespace llmrun
