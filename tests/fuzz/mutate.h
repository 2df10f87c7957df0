#pragma once
#include <random>
#include <string>
#include <vector>

namespace llmrun::fuzz {

/// A text like one of `corpus`, damaged in one to four places: bits, bytes, cuts, repeats, numbers at the edges of their types, and
/// pieces of other texts. Depends on nothing but its arguments, on any machine. REQUIRES a corpus that is not empty.
std::string mutated(const std::vector<std::string>& corpus, std::mt19937_64& random);

}  // namespace llmrun::fuzz
