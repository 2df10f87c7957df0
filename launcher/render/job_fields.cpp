#include "launcher/render/job_fields.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "launcher/render/array_indices.h"

namespace llmrun {
namespace {

constexpr size_t kLongest = 1000;  // of a value: qsub and sbatch take lines of a few thousand characters

bool fits_a_directive(std::string_view value, std::string_view more) {
  constexpr std::string_view kAlways = "_.+-:@";
  return !value.empty() && value.size() <= kLongest && value.front() != '-' &&
         std::all_of(value.begin(), value.end(), [&](unsigned char c) {
           const char letter = static_cast<char>(c);
           return std::isalnum(c) != 0 || kAlways.find(letter) != std::string_view::npos || more.find(letter) != std::string_view::npos;
         });
}

/// PBS takes no array of one.
bool is_array(std::string_view text) {
  const std::optional<ArrayIndices> array = parse_array_indices(text);
  return array && array->first && *array->first < *array->last;
}

}  // namespace

bool JobFields::fits(std::string_view key, const std::string& value, std::string_view more) {
  if (fits_a_directive(value, more)) return true;
  complaints_.push_back({fmt::format("{} '{}' cannot stand in a job script", key, value),
                         {},
                         {},
                         fmt::format("letters, digits and _ . + - : @{}{}", more.empty() ? "" : " ", fmt::join(more, " "))});
  return false;
}

void JobFields::add(const char* field, std::string_view key, const std::string& value, std::string_view more) {
  if (value.empty() || !fits(key, value, more))
    values_[field] = false;
  else
    values_[field] = value;
}

void JobFields::add_modules(const std::vector<std::string>& modules) {
  for (const std::string& module : modules) fits("machine.modules", module, "/=");
  values_["modules"] = modules;
}

void JobFields::add_array(const std::string& value) {
  values_["array"] = false;
  if (value.empty()) return;
  values_["array"] = value;
  if (!is_array(value))
    complaints_.push_back(
        {fmt::format("job.array '{}' is no range of members", value), {}, {}, "--set job.array=0-7, or two at once: 0-7%2"});
}

void JobFields::add_depend(const std::vector<std::string>& depends) {
  std::vector<std::pair<std::string, std::string>> ids_of_kind;
  for (const std::string& one : depends) {
    const size_t colon = std::min(one.find(':'), one.size());
    const std::string kind = one.substr(0, colon), id = one.substr(colon);
    auto known = std::find_if(ids_of_kind.begin(), ids_of_kind.end(), [&](const auto& entry) { return entry.first == kind; });
    if (known == ids_of_kind.end()) known = ids_of_kind.insert(known, {kind, ""});
    known->second += id;
  }
  std::string text;
  for (const auto& [kind, ids] : ids_of_kind) text += (text.empty() ? "" : ",") + kind + ids;
  add("depend", "job.depends", text, ",[]");  // "94[].server" is an array
}

json JobFields::take() {
  if (!complaints_.empty()) throw Error(Exit::config, std::move(complaints_));
  return std::move(values_);
}

}  // namespace llmrun
