#pragma once
#include <memory>

#include "engine/comm/message_port.h"

namespace llmrun {

// Collectives made of messages. Each starts the call and returns what it still waits for; none blocks, and each goes on by itself as its
// messages arrive. A call owns the tags `tag` and `tag + 1`. `in` and `out` hold what Communicator says of the call, and stay valid
// until it is done.
//
// Every rank sends to every other directly: in a reduction rank i gets everybody's part i, sums it in rank order and sends the sum to
// all. That moves as few bytes as a ring does, (n - 1) / n of the tensor each way, in two steps instead of 2 (n - 1), and makes the bits of
// a sum independent of the group's shape and of the backend: they are those of reduce_in_rank_order. The price is n - 1 messages a rank.

using Collective = std::shared_ptr<Arrivals> (*)(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);

std::shared_ptr<Arrivals> all_reduce_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);
std::shared_ptr<Arrivals> all_gather_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);
std::shared_ptr<Arrivals> reduce_scatter_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in,
                                                     std::byte* out);
/// Down a binomial tree: log2(n) steps.
std::shared_ptr<Arrivals> broadcast_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);
std::shared_ptr<Arrivals> all_to_all_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);
/// An empty message to and from everyone.
std::shared_ptr<Arrivals> barrier_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out);

}  // namespace llmrun
