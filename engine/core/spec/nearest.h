#pragma once
#include <span>
#include <string>
#include <string_view>

namespace llmrun {

/// The candidate a typist most likely meant: the least edit distance (a swap of neighbours counts once), if at most a third of the
/// letters differ. Empty: none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace llmrun
