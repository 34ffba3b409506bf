import QtQuick 2.12
import QtQuick.Controls 2.12
import QtQuick.Layouts 1.12

// The controls of the filter: its strength, property 0 of the frei0r filter, from 0 to 1.
Item {
    width: 350
    height: 60
    Component.onCompleted: {
        if (filter.isNew)
            filter.set('0', 1);
        strength.value = filter.getDouble('0');
    }

    RowLayout {
        anchors.fill: parent
        anchors.margins: 8

        Label {
            text: 'Strength'
        }

        Slider {
            id: strength

            Layout.fillWidth: true
            from: 0
            to: 1
            stepSize: 0.05
            onMoved: filter.set('0', value)
        }

        Label {
            text: Math.round(100 * strength.value) + ' %'
        }

    }

}
