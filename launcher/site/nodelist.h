#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// The hosts of Slurm's compact form: "nid[001-003,007],gpu1" -> nid001 nid002 nid003 nid007 gpu1. Several brackets in one name multiply.
/// Throws Error(Exit::preflight) where the text is not of that form, or stands for more than a million hosts.
std::vector<std::string> expand_nodelist(std::string_view text);

}  // namespace llmrun
