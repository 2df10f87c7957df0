#pragma once
#include <string>
#include <vector>

namespace llmrun {

/// I1: strings that some shell, some day, did something with.
inline const std::vector<std::string> kHostile{"plain",       "",
                                               " ",           "two words",
                                               "'",           "''",
                                               "\"",          "$(touch /tmp/x)",
                                               "`id`",        "$HOME",
                                               "${IFS}",      "a;b",
                                               "a&b",         "a|b",
                                               "a>b",         "a<b",
                                               "*",           "?",
                                               "[a]",         "~",
                                               "#not",        "!!",
                                               "\\",          "\\n",
                                               "line\nfeed",  "tab\tin",
                                               "-rf",         "--help",
                                               "a\rb",        "na\xC3\xAFve",
                                               "\x1b[31mred", "{a,b}",
                                               "(sub)",       "%s%n",
                                               "a=b",         "'; rm -rf /; '",
                                               "\xff\xfe"};

}  // namespace llmrun
