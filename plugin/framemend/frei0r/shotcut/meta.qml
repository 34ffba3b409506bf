import QtQuick 2.0
import org.shotcut.qml 1.0

// Puts the frei0r filter framemend into Shotcut's list.
Metadata {
    type: Metadata.Filter
    name: "framemend"
    keywords: "repair denoise noise blur deblock restore framemend"
    mlt_service: "frei0r.framemend"
    qml: "ui.qml"
}
