#pragma once
#include <string>

#include "launcher/process/variables.h"

namespace llmrun {

/// A variable that a machine profile exports. A value that ends in ":${NAME}", its own name, goes before what is there already: the way of
/// LD_LIBRARY_PATH. No other part of a value means anything.
struct Exported {
  std::string value;  // without that ending
  std::string rest;   // for a shell script, behind the quoted value: "${NAME:+:$NAME}" in double quotes; empty where nothing follows
};
Exported exported(const std::string& name, const std::string& value);

/// Sets it in `environment`; what stands in front already is not put there again.
void export_to(Variables& environment, const std::string& name, const std::string& value);

}  // namespace llmrun
