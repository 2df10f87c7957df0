#pragma once
#include "engine/core/json.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// The variables that env.json keeps: those that change how a run behaves, by a list of names and prefixes. Never one whose name
/// speaks of a key, token, password or credential, whatever its prefix.
json saved_environment(const Variables& environment);

/// Whether a variable of this name is taken to hold a secret.
bool speaks_of_a_secret(std::string name);

/// The text with "***" for every value of a variable whose name speaks of a key, token or password.
std::string without_secrets(std::string text, const Variables& environment);

}  // namespace llmrun
