#include "engine/core/command_line/told_error.h"

#include <cstdio>

#include "engine/core/command_line/harmless.h"
#include "engine/core/system_error.h"

namespace llmrun {
namespace {

json to_json(const Complaint& complaint) {
  json item{{"what", complaint.what}};
  if (complaint.at && !complaint.at->file.empty()) {
    item["file"] = complaint.at->file;
    if (complaint.at->line > 0) item["line"] = complaint.at->line;
    if (complaint.at->column > 0) item["column"] = complaint.at->column;
  }
  if (!complaint.because.empty()) item["because"] = complaint.because;
  if (!complaint.hint.empty()) item["hint"] = complaint.hint;
  return item;
}

}  // namespace

json error_json(const Error& error) {
  json complaints = json::array();
  for (const Complaint& complaint : error.complaints()) complaints.push_back(to_json(complaint));
  return {{"version", 1}, {"error", {{"code", static_cast<int>(error.code())}, {"complaints", complaints}}}};
}

int tell_error(const Error& error, bool as_json) {
  std::string text;
  for (const Complaint& complaint : error.complaints()) {
    text += fmt::format("llmrun: {}\n", complaint.what);
    for (const std::string& reason : complaint.because) text += fmt::format("   = {}\n", reason);
    if (!complaint.hint.empty()) text += fmt::format("hint: {}\n", complaint.hint);
  }
  text = harmless(text);
  std::fwrite(text.data(), 1, text.size(), stderr);
  if (as_json) {
    const std::string document = error_json(error).dump(2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) + "\n";
    std::fwrite(document.data(), 1, document.size(), stdout);
  }
  return static_cast<int>(error.code());
}

void check_stdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw stdout_error();
}

}  // namespace llmrun
