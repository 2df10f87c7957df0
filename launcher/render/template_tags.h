#pragma once
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "launcher/render/template.h"

namespace llmrun {

/// A tag of a template, as its author wrote it.
struct Tag {
  char kind = 0;  // what stands before its name: '#', '^', '/', '!', '&', or '{' where it has three braces; 0: nothing
  std::string name;
  Place at;
};

/// In their order. Throws one Error(Exit::config) with everything about tags that mustache would pass over or tell without a line: none
/// that closes, no name, sections that do not close, partials, other delimiters.
std::vector<Tag> read_tags(const Template& from);

}  // namespace llmrun
