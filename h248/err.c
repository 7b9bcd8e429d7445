/* Error codes of H.248.8 and the IANA registry, ascending. */
#include "h248/h248.h"

static const struct {
    unsigned code;
    const char *text;
} errors[] = {
    {400, "Syntax error in message"},
    {401, "Protocol error"},
    {402, "Unauthorized"},
    {403, "Syntax error in transaction request"},
    {406, "Version not supported"},
    {410, "Incorrect identifier"},
    {411, "The transaction refers to an unknown ContextID"},
    {412, "No ContextIDs available"},
    {413, "Number of transactions in message exceeds maximum"},
    {421, "Unknown action or illegal combination of actions"},
    {422, "Syntax error in action"},
    {430, "Unknown TerminationID"},
    {431, "No TerminationID matched a wildcard"},
    {432, "Out of TerminationIDs or no TerminationID available"},
    {433, "TerminationID is already in a context"},
    {434, "Maximum number of terminations in a context exceeded"},
    {435, "TerminationID is not in specified context"},
    {440, "Unsupported or unknown package"},
    {441, "Missing Remote or Local descriptor"},
    {442, "Syntax error in command"},
    {443, "Unsupported or unknown command"},
    {444, "Unsupported or unknown descriptor"},
    {445, "Unsupported or unknown property"},
    {446, "Unsupported or unknown parameter"},
    {447, "Descriptor not legal in this command"},
    {448, "Descriptor appears twice in a command"},
    {449, "Unsupported or unknown parameter or property value"},
    {450, "No such property in this package"},
    {451, "No such event in this package"},
    {452, "No such signal in this package"},
    {453, "No such statistic in this package"},
    {454, "No such parameter value in this package"},
    {455, "Property illegal in this descriptor"},
    {456, "Property appears twice in this descriptor"},
    {457, "Missing parameter in signal or event"},
    {458, "Unexpected event or RequestID"},
    {459, "Unsupported or unknown profile"},
    {460, "Unable to set statistic on stream"},
    {471, "Implied Add for Multiplex failure"},
    {472, "Required information missing"},
    {473, "Conflicting property values"},
    {474, "Invalid SDP syntax"},
    {475, "Unable to pause the playout of the signal"},
    {476, "Unable to adjust the delivery speed"},
    {477, "Unable to adjust the relative scale"},
    {478, "Behaviour contradicts resource rule"},
    {488, "Incorrect stream endpoint interlinkage"},
    {489, "Invalid aggregation and/or de-aggregation"},
    {500, "Internal software failure in MG or MGC"},
    {501, "Not implemented"},
    {502, "Not ready"},
    {503, "Service unavailable"},
    {504, "Command received from unauthorized entity"},
    {505, "Transaction request received before a ServiceChange reply"},
    {506, "Number of TransactionPendings exceeded"},
    {510, "Insufficient resources"},
    {511, "Temporarily busy"},
    {512, "Media gateway unequipped to detect requested event"},
    {513, "Media gateway unequipped to generate requested signals"},
    {514, "Media gateway cannot send the specified announcement"},
    {515, "Unsupported media type"},
    {517, "Unsupported or invalid mode"},
    {518, "Event buffer full"},
    {519, "Out of space to store digit map"},
    {520, "Digit map undefined in the media gateway"},
    {521, "Termination is ServiceChanging"},
    {522, "Functionality requested in topology triple not supported"},
    {526, "Insufficient bandwidth"},
    {529, "Internal hardware failure"},
    {530, "Temporary network failure"},
    {531, "Permanent network failure"},
    {532, "Audited property, statistic, event or signal does not exist"},
    {533, "Response exceeds maximum transport PDU size"},
    {534, "Illegal write or read only property"},
    {540, "Unexpected initial hook state"},
    {541, "Unexpected spare bit state"},
    {542, "Command is not allowed on this termination"},
    {543, "MGC requested event detection timestamp not supported"},
    {581, "Does not exist"},
};

const char *h248_err_text(unsigned code)
{
    unsigned lo = 0, hi = ARRAY_LEN(errors);

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (errors[mid].code == code)
            return errors[mid].text;
        if (errors[mid].code < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return "Unknown error";
}
