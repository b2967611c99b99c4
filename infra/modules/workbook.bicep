// The broker's page in the portal. Made and changed in the portal's editor: "Advanced editor" shows workbook.json.
param name string
param location string
param tags object
param workspaceId string
param instanceMemoryMB int

var content = replace(loadTextContent('../workbook.json'), '<workspace id>', workspaceId)

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(resourceGroup().id, name, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Join Broker: ${name}'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: replace(content, '<instance memory>', string(instanceMemoryMB))
  }
}
