#pragma once

namespace llmrun {

/// Ranks that communicator tcp connects, at most: each has a socket to every other one, and a process 1,024 descriptors where nobody
/// raised the limit to more.
inline constexpr int kMostTcpRanks = 1000;

}  // namespace llmrun
