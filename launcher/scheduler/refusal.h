#pragma once
#include <span>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "launcher/process/ask.h"

namespace llmrun {

/// A text that people meet in what a scheduler's command says, and what to do about it.
struct Remedy {
  std::string_view text;
  std::string_view hint;
};

/// How the commands of one scheduler say no.
struct RefusalWords {
  std::span<const Remedy> remedies;             // the first one that fits holds
  std::span<const std::string_view> no_server;  // what is said where there was none to ask
  std::string_view when_late;                   // hint: it did not answer in time
  std::string_view when_down;                   // hint: there was none to ask
};

/// Whether the command's errors hold one of these texts.
bool speaks_of(const Answer& answer, std::span<const std::string_view> texts);

/// What a command that did not answer, or answered no, means: its own last line, and a remedy where it is known. Exit::unreachable where
/// there was no server to ask, else Exit::preflight.
Error refusal(std::string_view command, const Answer& answer, const RefusalWords& words);

}  // namespace llmrun
