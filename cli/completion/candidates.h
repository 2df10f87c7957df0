#pragma once
#include <string>
#include <vector>

#include "cli/completion/typed.h"

namespace llmrun::cli {

/// A word that may stand where one is being typed. One that ends in '=', ':', ',' or '/' goes on: no blank follows it.
struct Candidate {
  std::string word;
  std::string about;  // what shells show beside it; may be empty
};

/// What may stand where a word is being typed.
struct Offers {
  std::vector<Candidate> candidates;  // those that begin with what is typed, the whole word
  std::string files;                  // what the shell itself is to add: "" nothing, "files", "directories", "commands", or "*.yaml"
  std::string before, path;           // what is typed: of their name, and before it ("data.train=") in the same word
};

/// Reads files of this machine at most: no scheduler, no network.
Offers offers(const Typed& typed);

}  // namespace llmrun::cli
