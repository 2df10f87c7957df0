#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

/// What a rank says of a peer that it hears no more, though its connection did not end: "PEER on HOST is gone: nothing was heard for 14 s,
/// ...". `peer` is "world rank 2 on x3001c0s1b1n0".
std::string silent_peer(std::string_view peer, int silence_s);

/// The host whose silence an error speaks of; nothing where it speaks of something else. When a link goes down, both of its ends say so of
/// the other.
std::optional<std::string> silent_host_in(std::string_view what);

}  // namespace llmrun
